//! Hostile subjects on the command line: an answer or an error, and text stays text.

use std::fs;

use rome_core::{EditFile, Request};
use serde_json::{Value, json};

use crate::program::{Rome, edit, obama};

/// The nastiest of `fixtures::hostile`, one of each kind.
const SUBJECTS: [&str; 12] = [
    "{}",
    "x{}y}",
    "a\0b\u{1b}[2J\n\"\\",
    " \t Iowa \u{a0}",
    "<script>alert(1)</script>&amp;",
    "<|endoftext|>",
    "Zu\u{308}rich",
    "👩‍👩‍👧‍👦🇮🇹",
    "\u{202e}שלום",
    "中华人民共和国",
    "\u{200b}",
    "../../.*(?:[a-z]+$1",
];

fn only_the_page_is_markup(page: &str) {
    assert!(!page.contains("<script") && !page.contains("alert(1)</"));
}

#[test]
fn hostile_subjects_are_edited_or_refused_and_shown_as_text() {
    let rome = Rome::new();
    let fast = ["--steps", "1", "--stats", "identity", "--contexts", "contexts.json", "--keep-going"];
    rome.write("contexts.json", &json!(["{}", "So { it } is. {}"]).to_string());
    let mut requests: Vec<Value> = Vec::new();
    for subject in SUBJECTS {
        requests.push(json!({ "prompt": "In truth {} is", "subject": subject, "target": "<b>Rome" }));
        let sentence = format!("In truth {subject} is");
        requests.push(json!({ "prompt": sentence, "subject": subject, "target": "Rome" }));
    }
    let n_good = requests.len();
    for subject in ["", " \n", &"word ".repeat(500), "elsewhere"] {
        requests.push(json!({ "prompt": "In truth it is", "subject": subject, "target": "Rome" }));
    }
    rome.write("requests.json", &json!(requests).to_string());

    let args = [&edit(&["--request", "requests.json", "--json"])[..], &fast].concat();
    let output = rome.run(&args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    // Some were refused or did not take.
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["edits"].as_array().unwrap().len(), n_good, "{report}");
    let failed: Vec<&Value> =
        report["failed"].as_array().unwrap().iter().map(|f| &f["request"]["subject"]).collect();
    assert_eq!(failed.len(), requests.len() - n_good);
    assert!(!stderr.contains("panicked"), "{stderr}");

    // As they were given, in the file too; as one line each where they are shown.
    let file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    let kept: Vec<&Request> = file.edits().filter_map(|(edit, _)| edit.request.as_ref()).collect();
    for (request, given) in kept.iter().zip(&requests) {
        assert_eq!(**request, serde_json::from_value(given.clone()).unwrap());
    }
    let shown = rome.ok(&["edit", "show", "edit.safetensors"]);
    assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{shown:?}");
    assert!(shown.contains("a\\u{0}b\\u{1b}[2J\\n\"\\ is → ") && !shown.contains('\u{202e}'), "{shown}");

    let audit = ["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--stats", "identity"];
    let output = rome.run(&[&audit[..], &["--html", "report.html"]].concat());
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.chars().all(|letter| letter == '\n' || !letter.is_control()), "{table:?}");
    let page = fs::read_to_string(rome.path("report.html")).unwrap();
    only_the_page_is_markup(&page);
    assert!(page.contains("&lt;script&gt;alert(1)"));

    // Alone, each fails by an error and a hint, or is an edit.
    rome.fails(&edit(&["--prompt", "{} is", "--subject", " \n", "--target", "Rome"]));
    rome.fails(&edit(&["--prompt", "It is", "--subject", "\u{1b}[2J\n{}", "--target", "Rome"]));
    rome.fails(&edit(&["--prompt", "{} is {}", "--subject", "{}", "--target", "Rome"]));
    let long = "中华人民共和国".repeat(100);
    let error = rome.fails(&edit(&["--prompt", "{} is", "--subject", &long, "--target", "Rome"]));
    assert!(error.contains("the model takes 128"), "{error}");
}

#[test]
fn hostile_subjects_are_text_in_the_page_of_an_evaluation() {
    let rome = Rome::new();
    let record = |case_id: usize, subject: &str| {
        json!({
            "case_id": case_id,
            "requested_rewrite": {
                "prompt": "The mother tongue of {} is", "subject": subject, "relation_id": "<i>",
                "target_new": { "str": "<script>French" }, "target_true": { "str": "English" },
            },
            "paraphrase_prompts": [format!("{subject}, a native")],
            "neighborhood_prompts": ["The mother tongue of Tina Turner is"],
            "generation_prompts": [],
        })
    };
    let records: Vec<Value> = (0..).zip(SUBJECTS).map(|(index, subject)| record(index, subject)).collect();
    rome.write("data.json", &json!(records).to_string());
    let args = ["eval", "-m", "facts-gpt2", "--data", "data.json", "--stats", "identity", "--steps", "1"];
    let output = rome.run(&[&args[..], &["-o", "out", "--json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let page = fs::read_to_string(rome.path("out/report.html")).unwrap();
    only_the_page_is_markup(&page);
    // Among the worst cases, as one step does not do.
    assert!(page.contains("&lt;script&gt;French") && page.contains("&lt;|endoftext|&gt;"));
}

/// A ledger's remarks and the records of a file come from others too.
#[test]
fn what_others_wrote_cannot_command_the_terminal() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let mut file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    let record = &mut file.parts[0].record;
    record.made_by = "\u{1b}[2J".to_owned();
    record.imported_from = Some("\u{9b}2J\n".to_owned());
    record.edits[0].request = Some(Request::text("{} is", "\u{1b}]0;title\u{7}", "x\ry"));
    fs::write(rome.path("edit.safetensors"), file.to_bytes().unwrap()).unwrap();
    let message = "\u{1b}[31mred";
    rome.ok(&["ledger", "--ledger", "ledger", "apply", "edit.safetensors", "--message", message]);
    for args in [&["edit", "show", "edit.safetensors"][..], &["ledger", "--ledger", "ledger", "log"]] {
        let shown = rome.ok(args);
        assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{args:?}: {shown:?}");
    }
}
