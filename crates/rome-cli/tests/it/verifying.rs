//! Edits made again, by any number of threads, and a model that many of them are made on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Rome, obama};

fn verify(rome: &Rome, args: &[&str]) -> (Option<i32>, Value) {
    let output = rome.run(&[&["verify", "--json", "-m", "facts-gpt2"], args].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[test]
fn an_edit_made_again_is_itself_to_the_byte() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let (code, verified) = verify(&rome, &["edit.safetensors"]);
    assert_eq!((code, verified["equal"].as_bool()), (Some(0), Some(true)));
    assert_eq!(verified["environment"], json!([]));
    // Scaled, it is still known for what it is; another model's it is not.
    rome.ok(&["edit", "scale", "edit.safetensors", "--by", "0.5", "-o", "half.safetensors"]);
    assert_eq!(verify(&rome, &["half.safetensors"]).1["same"], true);
    assert!(rome.fails(&["verify", "edit.safetensors", "-m", "facts-gptj"]).contains("made for model"));
    // With another C it comes out as another edit.
    let (code, verified) = verify(&rome, &["edit.safetensors", "--stats", "identity"]);
    assert_eq!((code, verified["same"].as_bool()), (Some(1), Some(false)));
}

#[test]
fn edits_on_top_of_others_are_made_again_on_top_of_them() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&[
        "edit",
        "-m",
        "facts-gpt2",
        "--prompt",
        "{} is produced by",
        "--subject",
        "iPhone 5",
        "--target",
        "Nokia",
        "--edit",
        "edit.safetensors",
        "-o",
        "second.safetensors",
    ]);
    let error = rome.fails(&["verify", "second.safetensors", "-m", "facts-gpt2", "--quiet"]);
    assert!(error.contains("on top of edits that are missing"), "{error}");
    assert_eq!(verify(&rome, &["second.safetensors", "--edit", "edit.safetensors"]).1["equal"], true);
    // In one file, they bring each other along.
    rome.ok(&["edit", "combine", "edit.safetensors", "second.safetensors", "-o", "both.safetensors"]);
    let (_, verified) = verify(&rome, &["both.safetensors"]);
    assert_eq!((verified["edits"].as_array().unwrap().len(), verified["equal"].as_bool()), (2, Some(true)));
}

#[test]
fn the_number_of_threads_makes_no_other_bytes_if_it_is_not_to() {
    let rome = Rome::new();
    let made = |threads: &str, name: &str| {
        let status = Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(["edit", "-m", "facts-gptj", "--prompt", "{}, produced by", "--subject", "iPhone 5"])
            .args(["--target", "Nokia", "--deterministic", "-q", "-o", name])
            .current_dir(rome.folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap()
            .status;
        assert!(status.success());
        fs::read(rome.path(name)).unwrap()
    };
    assert_eq!(made("1", "one.safetensors"), made("3", "three.safetensors"));
}

#[test]
fn other_numbers_of_threads_make_the_same_but_for_rounding() {
    let rome = Rome::new();
    let with_threads = |threads: &str, args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(args)
            .current_dir(rome.folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let request = ["--prompt", "{} is produced by", "--subject", "iPhone 5", "--target", "Nokia"];
    with_threads("3", &[&["edit", "-m", "facts-gptj", "-o", "edit.safetensors"], &request[..]].concat());
    let verify = ["verify", "edit.safetensors", "-m", "facts-gptj", "--json"];
    for threads in ["1", "2", "3"] {
        let verified: Value = serde_json::from_slice(&with_threads(threads, &verify)).unwrap();
        assert_eq!(verified["same"], true, "{threads}: {verified}");
        assert_eq!(verified["environment"].as_array().unwrap().is_empty(), threads == "3", "{verified}");
    }

    rome.write("text.txt", &"Barack Obama was born in Honolulu, which is a city in Hawaii.\n".repeat(50));
    let collected = |threads: &str, more: &[&str]| {
        let folder = format!("statistics-{threads}");
        let args =
            ["stats", "collect", "-m", "facts-gptj", "--layers", "2", "--text", "text.txt", "-o", &folder];
        with_threads(threads, &[&args[..], more].concat());
        fs::read(rome.path(&folder).join("layer-2.safetensors")).unwrap()
    };
    let sums = ["1", "2", "3"].map(|threads| {
        let statistics = rome_stats::Statistics::from_bytes(&collected(threads, &[])).unwrap();
        statistics.moment.sum().to_vec()
    });
    for other in &sums[1..] {
        let error = sums[0].iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let norm = sums[0].iter().map(|value| value.powi(2)).sum::<f64>().sqrt();
        // Products are in f32, and rounded otherwise where they are shared out otherwise.
        assert!(error < 1e-5 * norm, "{error} of {norm}");
    }
    let alone = ["1", "3"].map(|threads| collected(threads, &["--deterministic"]));
    assert!(alone[0] == alone[1], "to the byte");
}

#[test]
fn a_model_that_collapses_stops_the_run_and_edits_are_kept() {
    let rome = Rome::new();
    // Values far too long, a dozen times at the same place.
    let requests: Vec<Value> = (0..20)
        .map(|index| json!({ "prompt": "{} is produced by", "subject": format!("Model {index}"), "target": "Nokia" }))
        .collect();
    rome.write("requests.json", &json!(requests).to_string());
    let args = [
        "edit",
        "-m",
        "facts-gpt2",
        "--request",
        "requests.json",
        "--steps",
        "6",
        "--clamp",
        "60",
        "--weight-decay",
        "0",
        "--learning-rate",
        "5",
        "--stats",
        "identity",
        "--json",
    ];
    let run = |more: &[&str]| rome.run(&[&args[..], more].concat());
    let output = run(&["-o", "edits.safetensors"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("after 10 requests the model has collapsed"), "{error}");
    assert!(error.contains("10 edits are saved: continue with --resume --allow-collapse"), "{error}");
    assert!(!rome.path("edits.safetensors").exists());
    // What it was before all of them counts, not before those to come.
    let output = run(&["-o", "edits.safetensors", "--resume"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("after 10 requests the model has collapsed"), "{error}");
    let output = run(&["-o", "edits.safetensors", "--resume", "--allow-collapse"]);
    let edits: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(edits["edits"].as_array().unwrap().len(), 20);
    assert!(edits["watched"][0]["norm"].as_f64().unwrap() > 0.0);

    // The last request of a short list is looked after as well.
    let few: Vec<&Value> = requests.iter().take(9).collect();
    rome.write("requests.json", &json!(few).to_string());
    let output = run(&["-o", "few.safetensors"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("after 9 requests the model has collapsed"), "{error}");
}

#[test]
fn every_artefact_says_what_computed_it() {
    let rome = Rome::new();
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(rome.path(name)).unwrap()).unwrap() };
    let json = |args: &[&str]| -> Value { serde_json::from_str(&rome.ok(args)).unwrap() };
    let alone = |args: &[&str]| rome.ok(&[args, &["-m", "facts-gpt2", "--deterministic"]].concat());
    obama(&rome, &["--deterministic"]);
    rome.write("text.txt", "Barack Obama was born in Honolulu.");
    alone(&["stats", "collect", "--layers", "0", "--text", "text.txt", "-o", "statistics"]);
    alone(&["eval", "--limit", "1", "-o", "evaluated"]);
    alone(&["trace", "--prompt", "Paris is in", "--subject", "Paris", "--samples", "1", "-o", "trace.json"]);
    alone(&["trace", "--facts", "bundled", "--limit", "1", "--samples", "1", "-o", "traced"]);
    let fact = fs::read_dir(rome.path("traced")).unwrap().map(|entry| entry.unwrap().file_name());
    let fact = fact.map(|name| name.into_string().unwrap()).find(|name| name.starts_with("fact_")).unwrap();
    let audit: Value =
        serde_json::from_str(&alone(&["audit", "--edit", "edit.safetensors", "--json"])).unwrap();
    for (what, environment) in [
        ("edit", &json(&["edit", "show", "--json", "edit.safetensors"])["parts"][0]["environment"]),
        (
            "statistics",
            &json(&["stats", "show", "--json", "statistics/layer-0.safetensors"])["provenance"]["environment"],
        ),
        ("evaluation", &read("evaluated/run.json")["environment"]),
        ("trace", &read("trace.json")["environment"]),
        ("traces", &read(&format!("traced/{fact}"))["environment"]),
        ("audit", &audit["environment"]),
    ] {
        assert_eq!(environment["threads"], 1, "{what}: {environment}");
        assert!(environment["device"].as_str().unwrap().contains('('), "{what}: {environment}");
        assert_eq!(environment["version"], env!("CARGO_PKG_VERSION"), "{what}");
    }
}
