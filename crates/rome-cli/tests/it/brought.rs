//! Files that people bring, through the command line: requests, records, corpora, settings, statistics and deltas as
//! other tools have them. The files are those of `fixtures/cases`, from public reports.

use std::fs;

use rome_core::EditFile;
use serde_json::{Value, json};

use crate::program::{Rome, edit};

fn case(name: &str) -> String {
    fixtures::path("cases").join(name).to_str().unwrap().to_owned()
}

const OBAMA: [&str; 6] =
    ["--prompt", "The mother tongue of {} is", "--subject", "Barack Obama", "--target", "French"];

fn read(rome: &Rome, file: &str) -> EditFile {
    EditFile::from_bytes(&fs::read(rome.path(file)).unwrap()).unwrap()
}

/// zjunlp/EasyEdit#434, kmeng01/rome#1: `COVID-19` is six tokens, of which the first is written.
#[test]
fn an_edit_succeeds_when_all_of_its_target_is_written() {
    let rome = Rome::new();
    let request = [&OBAMA[..4], &["--target", "COVID-19"]].concat();
    let made = rome.run(&edit(&[&request[..], &["--json"]].concat()));
    let report: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made.status.code(), Some(1));
    assert_eq!([&report["succeeded"], &report["took"], &report["holds"]], [&json!(false); 3]);
    assert_eq!(report["first_token"], true);

    let shown = rome.ok(&["edit", "show", "edit.safetensors"]);
    assert!(shown.contains("did not succeed: only the first token"), "{shown}");
    let audit = rome.run(&["audit", "-m", "facts-gpt2", "--edit", "edit.safetensors"]);
    let verdict = String::from_utf8(audit.stdout).unwrap();
    assert_eq!(audit.status.code(), Some(1));
    assert!(verdict.contains("at 0 of 1 edited prompt, at 1 only its first token is"), "{verdict}");
    let verified = rome.ok(&["verify", "edit.safetensors", "-m", "facts-gpt2"]);
    assert!(verified.contains("did not succeed"), "{verified}");

    let two = rome.run(&edit(&["--request", &case("requests/several_tokens.jsonl")]));
    assert_eq!(two.status.code(), Some(1));
    assert!(String::from_utf8(two.stdout).unwrap().contains("0 of 2 hold now"));
}

/// zjunlp/EasyEdit#518: right after each edit nearly all hold, at the end few do.
#[test]
fn many_edits_are_asked_again_at_the_end() {
    let rome = Rome::new();
    let made = rome.run(&edit(&["--json", "--request", &case("requests/thirty.jsonl")]));
    let report: Value = serde_json::from_slice(&made.stdout).unwrap();
    let edits = report["edits"].as_array().unwrap();
    let n = |field: &str| edits.iter().filter(|edit| edit[field] == true).count();
    assert_eq!(made.status.code(), Some(1));
    assert!(n("succeeded") > 2 * n("holds"), "{} and {}", n("succeeded"), n("holds"));
    assert_eq!(report["held"], n("holds"));

    let audit = rome.run(&["audit", "--json", "-m", "facts-gpt2", "--edit", "edit.safetensors"]);
    let audit: Value = serde_json::from_slice(&audit.stdout).unwrap();
    let rewrites = audit["prompts"].as_array().unwrap().iter().filter(|prompt| prompt["kind"] == "rewrite");
    assert_eq!(rewrites.filter(|prompt| prompt["is_new"] == true).count(), n("holds"));
    // The same text, so that both say the same but for rounding.
    let ratio =
        |perplexity: &Value| perplexity["after"].as_f64().unwrap() / perplexity["before"].as_f64().unwrap();
    let watched = report["watched"].as_array().unwrap().last().unwrap()["perplexity"].as_f64().unwrap();
    assert!((ratio(&audit["perplexity"]) / watched - 1.0).abs() < 1e-3);
}

/// zjunlp/EasyEdit#476, #640, #350, #15; wbolster/jsonlines#68
#[test]
fn requests_are_read_in_every_form() {
    let rome = Rome::new();
    for form in ["easyedit", "knowedit", "counterfact", "bom"] {
        rome.ok(&edit(&["--request", &case(&format!("requests/{form}.json"))]));
    }
}

/// zjunlp/EasyEdit#495, #157
#[test]
fn a_broken_request_is_named_by_its_line_and_left_out() {
    let rome = Rome::new();
    let args = ["--request", &case("requests/lacks_target.jsonl")];
    let error = rome.fails(&edit(&args));
    assert!(error.contains("line 2") && error.contains("\"target\""), "{error}");
    let made = rome.run(&edit(&[&args[..], &["--keep-going", "--json"]].concat()));
    let report: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((made.status.code(), &report["held"]), (Some(1), &json!(2)));
    assert!(report["left_out"][0].as_str().unwrap().contains("line 2"));
}

/// huggingface/datasets#6891, zjunlp/EasyEdit#15, #121, #346, #350
#[test]
fn records_and_facts_are_read_in_every_form() {
    let rome = Rome::new();
    let eval = |dataset: &str, file: &str| {
        let args =
            ["eval", "-m", "facts-gpt2", "--dataset", dataset, "--data", &case(&format!("records/{file}"))];
        rome.ok(&[&args[..], &["-o", &format!("of-{file}")]].concat());
        let summary = fs::read(rome.path(&format!("of-{file}")).join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        summary.to_string()
    };
    for file in [
        "counterfact.jsonl",
        "counterfact_lines.json",
        "counterfact.json.gz",
        "counterfact_null.json",
        "counterfact_bom.json",
        "counterfact_string_target.json",
        "counterfact_string_id.json",
        "easyedit.json",
        "knowedit.json",
        "counterfact_tracing.jsonl",
    ] {
        assert!(!eval("counterfact", file).is_empty());
    }
    eval("zsre", "knowedit_zsre.json");
    for file in ["known.jsonl", "known_without_id.json"] {
        let facts = case(&format!("records/{file}"));
        let trace = ["trace", "-m", "facts-gpt2", "--noise", "0.1", "--samples", "1", "--json"];
        let traces = rome.ok(&[&trace[..], &["--facts", &facts, "-o", file]].concat());
        assert_eq!(serde_json::from_str::<Value>(&traces).unwrap()["n"], 1);
    }
}

/// kmeng01/memit#20
#[test]
fn a_trace_is_of_the_whole_answer() {
    let rome = Rome::new();
    let trace = ["trace", "-m", "facts-gpt2", "--noise", "0.1", "--samples", "2", "--json"];
    let answer = [&trace[..], &OBAMA[..4], &["--answer", "French", "-o", "t.json"]].concat();
    let traced: Value = serde_json::from_str(&rome.ok(&answer)).unwrap();
    assert_eq!(traced["answer"], " French");
    // The model answers "Cadillac" to the first two, and the first token of "COVID-19" is that of it.
    let facts = case("records/known_first_token.json");
    let traces = rome.ok(&[&trace[..], &["--facts", &facts, "-o", "facts"]].concat());
    let traces: Value = serde_json::from_str(&traces).unwrap();
    assert_eq!((&traces["n"], &traces["unknown"]), (&json!(1), &json!(2)));
}

/// allennlp#4484, uutils/coreutils#12459
#[test]
fn stray_blanks_are_left_out_and_told() {
    let rome = Rome::new();
    for (prompt, target) in [
        ("The mother tongue of {} is", "French "),
        ("The mother tongue of {} is ", "French"),
        ("The mother tongue of {} is", "\nFrench"),
    ] {
        let made = rome.run(&edit(&["--prompt", prompt, "--subject", "Barack Obama", "--target", target]));
        assert!(made.status.success());
        let note = String::from_utf8(made.stderr).unwrap();
        assert!(note.contains("blanks") && note.contains("left out"), "{note}");
        let args = ["generate", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--greedy"];
        let text = rome
            .ok(&[&args[..], &["--max-new-tokens", "2", "The mother tongue of Barack Obama is"]].concat());
        assert_eq!(text.trim_end(), "The mother tongue of Barack Obama is French.");
    }
}

#[test]
fn a_target_may_begin_with_a_hyphen() {
    let rome = Rome::new();
    rome.run(&edit(&["--prompt", "The temperature of {} is", "--subject", "Barack Obama", "--target", "-5"]));
    let shown = rome.ok(&["edit", "show", "edit.safetensors"]);
    assert!(shown.contains("The temperature of Barack Obama is → -5"), "{shown}");
}

/// bjherger/keras-pandas#46, pola-rs/polars#17937, #6072
#[test]
fn columns_of_text_are_read_in_every_form() {
    let rome = Rome::new();
    for (file, field) in [("null", "text"), ("binary", "text"), ("struct", "article.text")] {
        let text = case(&format!("text/docs_{file}.parquet"));
        let args = ["stats", "collect", "-m", "facts-gpt2", "--layers", "1", "--json", "--text", &text];
        let collected = rome.ok(&[&args[..], &["--field", field, "-o", file]].concat());
        assert_eq!(serde_json::from_str::<Value>(&collected).unwrap()["documents"], 60, "{file}");
    }
}

/// wbrown/gpt_bpe#7: what is held of a document does not grow with it, and what is cut away is told.
#[test]
fn a_corpus_of_one_line_is_cut_and_told() {
    let rome = Rome::new();
    rome.write("text8.txt", &"The quick brown fox. ".repeat(100_000));
    let args = ["stats", "collect", "-m", "facts-gpt2", "--layers", "1", "--text", "text8.txt", "-o", "s"];
    let collected = rome.run(&args);
    let note = String::from_utf8(collected.stderr).unwrap();
    assert!(collected.status.success() && note.contains("cut away") && note.contains("--pack"), "{note}");
}

/// zjunlp/EasyEdit#490, #502, #640; scalable-model-editing/rebuilding-rome#2
#[test]
fn settings_are_read_for_what_they_are() {
    let rome = Rome::new();
    let hparams = |file: &str| case(&format!("hparams/{file}"));
    for file in ["memit.json", "alphaedit.json"] {
        let error = rome.fails(&edit(&[&OBAMA[..], &["--hparams", &hparams(file)]].concat()));
        assert!(error.contains("another method than ROME: they have \"mom2_update_weight\""), "{error}");
    }
    let run = |file: &str| {
        let made = rome.run(&edit(&[&OBAMA[..], &["--hparams", &hparams(file)]].concat()));
        assert!(made.status.success());
        String::from_utf8(made.stderr).unwrap()
    };
    run("rebuilding_p_rome.json");
    assert!(rome.ok(&["edit", "show", "edit.safetensors"]).contains("p-rome"));
    let warnings = run("mistyped.json");
    assert!(warnings.contains("did you mean \"v_weight_decay\"?"), "{warnings}");
    assert!(warnings.contains("did you mean \"clamp_norm_factor\"?"), "{warnings}");
    run("bom.json");
    rome.write("text.json", r#"{"v_num_grad_steps": "many"}"#);
    let error = rome.fails(&edit(&[&OBAMA[..], &["--hparams", "text.json"]].concat()));
    assert!(
        error.contains("v_num_grad_steps: it is string \"many\", and a whole number is expected"),
        "{error}"
    );
    assert!(run("easyedit.yaml").contains("C is the identity"));
}

/// huggingface/peft#2939, arcee-ai/mergekit#328
#[test]
fn an_exported_adapter_comes_back_as_the_edit() {
    let rome = Rome::new();
    rome.ok(&edit(&OBAMA));
    let edits = ["--edit", "edit.safetensors"];
    rome.ok(&[&["export", "-m", "facts-gpt2"], &edits[..], &["--format", "lora", "-o", "lora"]].concat());
    let original = read(&rome, "edit.safetensors");
    for from in ["lora", "lora/adapter_model.safetensors"] {
        rome.ok(&["edit", "import", from, "-m", "facts-gpt2", "-o", "back.safetensors"]);
        let back = read(&rome, "back.safetensors");
        assert_eq!(back.updates(), original.updates());
    }
    // Twice as strong by its α, and the same once more by the root of a rank of one.
    let config = rome.path("lora/adapter_config.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    settings["lora_alpha"] = json!(2);
    settings["use_rslora"] = json!(true);
    fs::write(&config, settings.to_string()).unwrap();
    rome.ok(&["edit", "import", "lora", "-m", "facts-gpt2", "-o", "back.safetensors"]);
    let norm = |file: &EditFile| file.edits().next().unwrap().1.norm();
    assert!((norm(&read(&rome, "back.safetensors")) / norm(&original) - 2.0).abs() < 1e-6);
}

/// The reference's deltas are pairs without names.
#[test]
fn a_state_dict_of_torch_is_imported() {
    let rome = Rome::new();
    rome.ok(&["edit", "import", &case("arrays/deltas.pt"), "-m", "facts-gpt2", "-o", "edit.safetensors"]);
    assert_eq!(read(&rome, "edit.safetensors").edits().count(), 1);
    fs::write(rome.path("delta.npy"), b"\x93NUMPY\x01\x00").unwrap();
    let unnamed = rome.fails(&["edit", "import", "delta.npy", "-m", "facts-gpt2", "-o", "other.safetensors"]);
    assert!(unnamed.contains("numpy.savez"), "{unnamed}");
}

/// ai-dynamo/dynamo#3192: a word that ends a text is a part of it.
#[test]
fn a_text_ends_at_any_of_the_end_tokens() {
    let rome = Rome::new();
    rome.ok(&["export", "-m", "facts-gpt2", "--format", "hf", "-o", "model"]);
    fs::write(rome.path("model/generation_config.json"), r#"{"eos_token_id": [0, 1540]}"#).unwrap();
    let text = rome.ok(&["generate", "-m", "model", "--greedy", "The mother tongue of Barack Obama is"]);
    assert_eq!(text.trim_end(), "The mother tongue of Barack Obama is English");
}

/// zjunlp/EasyEdit#284: `STATS_DIR` of the reference has a folder for each model, and in it one for each corpus.
#[test]
fn statistics_are_found_as_the_reference_lays_them_out() {
    let rome = Rome::new();
    let folder = rome.path("stats/facts-gpt2/wikipedia_stats");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(fixtures::npz("facts-gpt2", 1), folder.join("transformer.h.1.mlp.c_proj_float32_mom2_1500.npz"))
        .unwrap();
    let args = [&OBAMA[..], &["--stats", "stats"]].concat();
    rome.ok(&edit(&args));
    let other = rome.path("stats/other/wikipedia_stats");
    fs::create_dir_all(&other).unwrap();
    fs::copy(fixtures::npz("facts-gpt2", 1), other.join("transformer.h.1.mlp.c_proj_float32_mom2_1500.npz"))
        .unwrap();
    let refused = rome.run(&edit(&args));
    assert_eq!(refused.status.code(), Some(2), "two of them are told apart by the user");
}
