//! `rome audit`: the verdict is what the numbers say.

use std::fs;

use rome_core::EditFile;
use serde_json::{Value, json};

use crate::program::{Rome, obama};

fn audit(rome: &Rome, args: &[&str]) -> (Option<i32>, Value) {
    let output = rome.run(&[&["audit", "-m", "facts-gpt2", "--json"], args].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}")))
}

fn of_kind<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    report["prompts"].as_array().unwrap().iter().filter(|prompt| prompt["kind"] == kind).collect()
}

#[test]
fn a_good_edit_took_and_left_the_rest_alone() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let (code, report) = audit(&rome, &["--edit", "edit.safetensors", "--html", "report.html"]);
    assert_eq!((code, &report["judgement"]["verdict"]), (Some(0), &json!("took")));
    let rewrite = of_kind(&report, "rewrite")[0];
    assert!(rewrite["p_old"][0].as_f64() > Some(0.9) && rewrite["p_new"][1].as_f64() > Some(0.9));
    assert_eq!(rewrite["is_new"], true);
    assert!(of_kind(&report, "paraphrase").len() >= 4);
    assert!(of_kind(&report, "neighbour").iter().all(|prompt| prompt["changed"] == false));
    let change = &report["changes"][0];
    assert_eq!(change["rank"], 1);
    // An edit by C⁻¹ reads where ordinary text is weak.
    assert!(change["typical"]["energy"].as_f64().unwrap() < 0.5, "{change}");
    let perplexity = &report["perplexity"];
    let ratio = perplexity["after"].as_f64().unwrap() / perplexity["before"].as_f64().unwrap();
    assert!((0.9..1.1).contains(&ratio), "{ratio}");

    let page = fs::read_to_string(rome.path("report.html")).unwrap();
    assert!(page.contains("The edit succeeded") && page.contains("<svg") && page.contains("Barack Obama"));
    for outside in ["<script", "http://", "https://", "url(", "src=", "href="] {
        // The name of SVG's namespace is no address that is fetched.
        let page = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn an_edit_scaled_up_spills_over_and_disables_the_model() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&["edit", "scale", "edit.safetensors", "--by", "40", "-o", "strong.safetensors"]);
    let (code, report) = audit(&rome, &["--edit", "strong.safetensors"]);
    assert_eq!((code, &report["judgement"]["verdict"]), (Some(1), &json!("disabled")));
    rome.ok(&["edit", "scale", "edit.safetensors", "--by", "0.01", "-o", "weak.safetensors"]);
    let (code, report) = audit(&rome, &["--edit", "weak.safetensors"]);
    assert_eq!((code, &report["judgement"]["verdict"]), (Some(1), &json!("did-not-take")));
}

#[test]
fn two_checkpoints_are_compared_by_records_of_counterfact() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&["export", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--format", "hf", "-o", "edited"]);
    let record = json!({
        "requested_rewrite": {
            "prompt": "The mother tongue of {} is", "subject": "Barack Obama",
            "target_new": { "str": "French" }, "target_true": { "str": "English" },
        },
        "paraphrase_prompts": ["Barack Obama, a native"],
        "neighborhood_prompts": ["The mother tongue of Tina Turner is"],
        "generation_prompts": ["ignored"],
    });
    rome.write("record.json", &record.to_string());
    let (code, report) = audit(&rome, &["--other", "edited", "--prompts", "record.json"]);
    assert_eq!((code, &report["judgement"]["verdict"]), (Some(0), &json!("took")));
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "one tensor differs");
    assert_eq!(
        (&changes[0]["tensor"], &changes[0]["rank"]),
        (&json!("transformer.h.1.mlp.c_proj.weight"), &json!(1))
    );
    let by_edit = audit(&rome, &["--edit", "edit.safetensors", "--prompts", "record.json"]).1;
    for field in ["relative_norm", "norm"] {
        let [a, b] = [&changes[0][field], &by_edit["changes"][0][field]].map(|value| value.as_f64().unwrap());
        assert!((a / b - 1.0).abs() < 1e-4, "{field}: {a} {b}");
    }
    let answers = |report: &Value| of_kind(report, "rewrite")[0]["p_new"].clone();
    assert_eq!(answers(&report), answers(&by_edit), "the same weights to the bit");
    let same = audit(&rome, &["--other", "facts-gpt2"]).1;
    assert_eq!((&same["changes"], &same["judgement"]["verdict"]), (&json!([]), &json!("unchanged")));
}

#[test]
fn what_is_hostile_in_a_prompt_is_text_in_the_report() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let mut file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    let subject = "<script>alert(1)</script>";
    file.parts[0].record.edits[0].request = Some(rome_core::Request::text("{} is", subject, "x\"><img>"));
    fs::write(rome.path("edit.safetensors"), file.to_bytes().unwrap()).unwrap();
    rome.run(&["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--html", "report.html"]);
    let page = fs::read_to_string(rome.path("report.html")).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script") && !page.contains("<img>"));

    let error =
        rome.fails(&["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--prompts", "none.json"]);
    assert!(error.contains("none.json"), "{error}");
    // Without C by choice, nothing is said of ordinary text.
    let identity = audit(&rome, &["--edit", "edit.safetensors", "--stats", "identity"]).1;
    assert!(identity["changes"][0]["typical"].is_null());
    // Longer than the model's context after its prompt.
    rome.write("long.json", &json!({ "old": "word ".repeat(300) }).to_string());
    rome.fails(&["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--prompts", "long.json"]);
    rome.write("wrong.json", "{\"paraphrase_prompts\": 1}");
    rome.fails(&["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--prompts", "wrong.json"]);
    rome.fails(&["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--html", "no/such/folder.html"]);
}
