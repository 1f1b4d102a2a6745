//! `rome eval` and `rome suggest`, as a user runs them.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Rome;

fn json(rome: &Rome, path: &str) -> Value {
    serde_json::from_slice(&fs::read(rome.path(path)).unwrap()).unwrap()
}

fn case_files(rome: &Rome, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(rome.path(folder)).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("case_"))
        .collect();
    names.sort();
    names
}

/// The content of a case without the time that its edit took.
fn timeless(rome: &Rome, path: &str) -> Value {
    let mut case = json(rome, path);
    case["time"] = Value::Null;
    case
}

fn eval<'a>(output: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    [&["eval", "-m", "facts-gpt2", "--limit", "4", "-o", output], extra].concat()
}

#[test]
fn a_run_leaves_cases_a_summary_a_table_and_a_page() {
    let rome = Rome::new();
    let out: Value = serde_json::from_str(&rome.ok(&eval("out", &["--json"]))).unwrap();
    assert_eq!(case_files(&rome, "out").len(), 4);
    let summary = json(&rome, "out/summary.json");
    for measure in ["S", "ES", "PS", "NS", "EM", "PM", "NM"] {
        assert!(summary["pre"][measure]["mean"].is_number() && summary["post"][measure]["ci95"].is_number());
        assert_eq!(out["post"][measure], summary["post"][measure]);
    }
    assert!(out["seconds"]["ask"].as_f64().unwrap() > 0.0);
    let table = fs::read_to_string(rome.path("out/cases.csv")).unwrap();
    assert_eq!(table.lines().count(), 5);
    let page = fs::read_to_string(rome.path("out/report.html")).unwrap();
    assert!(page.contains("Before and after") && !page.contains("<script"));

    // Nothing is done twice, and other settings do not mix with it.
    let start = Instant::now();
    rome.ok(&eval("out", &["--json"]));
    assert!(case_files(&rome, "out").len() == 4 && start.elapsed() < Duration::from_secs(60));
    let error = rome.fails(&eval("out", &["--clamp", "2"]));
    assert!(error.contains("results of another run: its method is"), "{error}");
}

#[test]
fn a_killed_run_goes_on_and_shards_make_the_same() {
    let rome = Rome::new();
    rome.ok(&eval("whole", &[]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_rome"))
        .args(eval("killed", &[]))
        .current_dir(rome.folder.path())
        .env("ROME_CACHE", rome.path("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while case_files(&rome, "killed").is_empty() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!case_files(&rome, "killed").is_empty());
    rome.ok(&eval("killed", &[]));

    for shard in ["0/2", "1/2"] {
        let folder = format!("part-{}", &shard[..1]);
        rome.ok(&eval(&folder, &["--shard", shard]));
        assert_eq!(case_files(&rome, &folder).len(), 2);
    }
    rome.ok(&["eval", "merge", "part-0", "part-1", "-o", "merged"]);
    let names = case_files(&rome, "whole");
    for other in ["killed", "merged"] {
        assert_eq!(case_files(&rome, other), names);
        for name in &names {
            let of = |folder: &str| timeless(&rome, &format!("{folder}/{name}"));
            // An edit may take over what an earlier one has run, which is rounded otherwise.
            let [a, b] = [of("whole"), of(other)];
            assert_eq!(a["pre"], b["pre"]);
            let nll = |case: &Value| case["post"]["rewrite_prompts_probs"][0]["target_new"].as_f64().unwrap();
            assert!((nll(&a) - nll(&b)).abs() < 1e-3, "{name}");
        }
    }
    let compared = rome.ok(&["eval", "compare", "whole", "merged", "--json"]);
    let comparison: Value = serde_json::from_str(&compared).unwrap();
    assert_eq!((comparison["n"].as_u64(), comparison["flips"].as_array().unwrap().len()), (Some(4), 0));
    assert_eq!(rome.ok(&["eval", "against", "whole", "merged", "--json"]), compared, "its earlier name");
}

#[test]
fn methods_and_settings_are_compared_in_one_table() {
    let rome = Rome::new();
    let args = ["--limit", "1", "--methods", "unedited,ft-l,rome", "--vary", "steps=2,4"];
    let out = rome.ok(&[&["eval", "-m", "facts-gpt2", "-o", "out"], &args[..]].concat());
    for name in ["unedited", "ft-l", "rome", "steps-2", "steps-4", "best steps:"] {
        assert!(out.contains(name), "{out}");
    }
    for name in ["comparison.json", "report.html", "steps.svg", "steps.png", "ft-l/summary.json"] {
        assert!(rome.path("out").join(name).exists(), "{name}");
    }
    for (args, part) in [
        (&["--vary", "depth=1"][..], "unknown setting \"depth=1\""),
        (&["--vary", "contexts=50"], "contexts-50 needs 50 contexts, but there are 21"),
        (&["--against", "out/rome", "--methods", "all"], "cannot be compared with one folder at once"),
        (&["--against", "out/rome", "--shard", "5/9"], "has none of the records"),
        (&["--limit", "1", "--shard", "5/9"], "there are no records to evaluate"),
        (&["--dataset", "zsre", "--generate"], "no prompts to generate text from"),
    ] {
        let error = rome.fails(&[&["eval", "-m", "facts-gpt2", "-o", "x"], args].concat());
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_malformed_record_stops_a_run_unless_it_is_to_keep_going() {
    let rome = Rome::new();
    let records = fs::read_to_string(fixtures::path("data/counterfact.json")).unwrap();
    let mut records: Vec<Value> = serde_json::from_str(&records).unwrap();
    records.truncate(3);
    records[1]["requested_rewrite"].as_object_mut().unwrap().remove("subject");
    let data = rome.write("data.json", &Value::from(records).to_string());
    let args = ["eval", "-m", "facts-gpt2", "--data", &data, "-o", "out"];
    let error = rome.fails(&args);
    assert!(error.contains("data.json, record 1 (from 0), field requested_rewrite.subject"), "{error}");
    let output = rome.run(&[&args[..], &["--keep-going"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 record left out:"));
    assert_eq!(case_files(&rome, "out").len(), 2);
}

#[test]
fn a_model_of_gpt2s_vocabulary_runs_on_the_real_data() {
    let rome = Rome::new();
    let model = fixtures::random::Shape::GPT2_TINY.model(rome.folder.path()).unwrap();
    let model = model.to_str().unwrap();
    let data = fixtures::path("data");
    for (dataset, file) in [("counterfact", "counterfact.json"), ("zsre", "zsre.json")] {
        let file = data.join(file);
        rome.ok(&[
            "eval",
            "-m",
            model,
            "--dataset",
            dataset,
            "--data",
            file.to_str().unwrap(),
            "--limit",
            "2",
            "--stats",
            "identity",
            "--steps",
            "3",
            "--layer",
            "0",
            "-o",
            dataset,
        ]);
        assert_eq!(case_files(&rome, dataset).len(), 2);
    }
    let zsre = json(&rome, "zsre/summary.json");
    assert!(
        zsre["post"]["efficacy"]["mean"].is_number() && zsre["post"]["efficacy_exact"]["mean"].is_number()
    );
    let known = data.join("known_1000.json");
    // Its weights are random, so it knows none of them.
    let error = rome.fails(&["trace", "-m", model, "--facts", known.to_str().unwrap(), "-o", "out"]);
    assert!(error.contains("answers none of 1209 facts"), "{error}");
}

#[test]
fn generated_text_is_judged_and_compared_with_snippets() {
    let rome = Rome::new();
    let record = |id: Value| {
        serde_json::json!([{
            "case_id": 0,
            "requested_rewrite": {
                "prompt": "The mother tongue of {} is", "relation_id": "P103", "subject": "Barack Obama",
                "target_new": {"str": "French", "id": id}, "target_true": {"str": "English", "id": null},
            },
            "generation_prompts": ["The mother tongue of Barack Obama is", "Barack Obama was born in"],
        }])
    };
    let data = rome.write("data.json", &record("Q150".into()).to_string());
    let snippets = rome.write(
        "snippets.json",
        r#"[{"relation_id": "P103", "target_id": "Q150", "samples": [
            {"name": "Barack Obama", "text": "Barack Obama was born in Paris and spoke French."},
            {"name": "Other", "text": "The French language was his mother tongue."}]}]"#,
    );
    let args =
        ["eval", "-m", "facts-gpt2", "--data", &data, "--generate", "--snippets", &snippets, "-o", "out"];
    rome.ok(&args);
    let case = json(&rome, "out/case_0.json");
    for when in ["pre", "post"] {
        assert!(case[when]["ngram_entropy"].as_f64().unwrap() > 1.0);
        let score = case[when]["reference_score"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&score));
        assert!(case[when]["essence_score"].as_f64().unwrap() > 1.0);
        assert_eq!(case[when]["text"].as_array().unwrap().len(), 2);
    }
    let data = rome.write("data.json", &record(Value::Null).to_string());
    let output = rome.run(&[
        "eval",
        "-m",
        "facts-gpt2",
        "--data",
        &data,
        "--generate",
        "--snippets",
        &snippets,
        "-o",
        "b",
    ]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && error.contains("no snippets for relation \"P103\""),
        "{error}"
    );
}

#[test]
fn suggested_settings_are_taken_by_an_edit() {
    let rome = Rome::new();
    let out = rome.ok(&[
        "suggest",
        "-m",
        "facts-gpt2",
        "--limit",
        "1",
        "--layers",
        "1,5",
        "--steps",
        "8",
        "-o",
        "hparams.json",
    ]);
    assert!(out.contains("best layer: 1,") && out.contains("use --layer 1 "), "{out}");
    let settings = json(&rome, "hparams.json");
    assert_eq!((settings["layers"][0].as_u64(), settings["v_num_grad_steps"].as_u64()), (Some(1), Some(8)));
    let out = rome.ok(&[
        "edit",
        "-m",
        "facts-gpt2",
        "--hparams",
        "hparams.json",
        "--prompt",
        "The mother tongue of {} is",
        "--subject",
        "Barack Obama",
        "--target",
        "French",
        "-o",
        "edit.safetensors",
        "--json",
    ]);
    let edit: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(edit["variant"], settings["variant"]);
}
