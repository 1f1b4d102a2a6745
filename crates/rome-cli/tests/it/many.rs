//! Many requests in one run: one that fails, and one that is interrupted.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rome_core::EditFile;
use serde_json::{Value, json};

use crate::program::{Rome, edit};

/// Requests about facts that the bundled models know.
fn requests(n: usize) -> Vec<Value> {
    let facts: Value = serde_json::from_slice(rome_assets::FACTS).unwrap();
    let facts = facts["facts"].as_array().unwrap().iter().zip(std::iter::repeat(&facts["templates"]));
    facts
        .take(n)
        .map(|(fact, templates)| {
            let template = &templates[fact["relation_id"].as_str().unwrap()][0];
            json!({ "prompt": template, "subject": fact["subject"], "target": fact["target_new"] })
        })
        .collect()
}

fn lines(requests: &[Value]) -> String {
    requests.iter().map(|request| format!("{request}\n")).collect()
}

#[test]
fn a_request_that_fails_stops_the_run_or_is_passed_over() {
    let rome = Rome::new();
    let mut three = requests(3);
    three[1]["prompt"] = "a sentence about somebody else".into();
    rome.write("requests.jsonl", &lines(&three));
    let args = edit(&["--request", "requests.jsonl"]);
    let error = rome.fails(&args);
    assert!(error.contains("request 2 of 3") && error.contains("does not occur in the prompt"), "{error}");

    let passed = rome.run(&[&args[..], &["--keep-going"]].concat());
    let table = String::from_utf8(passed.stdout).unwrap();
    assert_eq!(passed.status.code(), Some(1), "not all that was asked for was done");
    assert!(table.contains("2 of 3 hold now, 2 of 3 succeeded when made, 1 failed"), "{table}");
    assert!(table.lines().any(|line| line.contains("failed: the subject")), "{table}");
    let file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    let edited: Vec<usize> = file.edits().map(|(entry, _)| entry.layer).collect();
    assert_eq!(edited, [1, 1]);

    let passed = rome.run(&[&args[..], &["--keep-going", "--json"]].concat());
    let report: Value = serde_json::from_slice(&passed.stdout).unwrap();
    assert_eq!((&report["failed"][0]["request"], report["edits"].as_array().unwrap().len()), (&json!(1), 2));

    rome.write("none.jsonl", &lines(&three[1..2]).repeat(2));
    assert!(rome.fails(&edit(&["--request", "none.jsonl", "--keep-going"])).contains("none of 2 requests"));
}

#[test]
fn a_run_resumes_with_another_number_of_threads() {
    let rome = Rome::new();
    rome.write("first.jsonl", &lines(&requests(1)));
    rome.write("both.jsonl", &lines(&requests(2)));
    let with_threads = |threads: &str, args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(["edit", "-m", "facts-gpt2", "--contexts", "contexts.json"])
            .args(args)
            .current_dir(rome.folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    rome.write("contexts.json", r#"["{}", "Then {}"]"#);
    with_threads("1", &["--request", "first.jsonl", "-o", "both.safetensors.partial"]);
    with_threads("3", &["--request", "both.jsonl", "-o", "both.safetensors", "--resume"]);
    let file = EditFile::from_bytes(&fs::read(rome.path("both.safetensors")).unwrap()).unwrap();
    assert_eq!(file.parts[0].updates.len(), 2);
    assert_eq!(file.parts[0].record.environment, None);
}

/// Killed for good, again and again, until it gets to its end.
#[test]
fn a_run_that_is_killed_goes_on_and_ends_as_if_it_had_not_been() {
    let rome = Rome::new();
    rome.write("requests.jsonl", &lines(&requests(12)));
    let args = edit(&["--request", "requests.jsonl", "--resume", "--keep-going", "--save-every", "0"]);
    let start = Instant::now();
    rome.run(&edit(&["--request", "requests.jsonl", "--keep-going"]));
    let whole = start.elapsed();
    let expected = fs::read(rome.path("edit.safetensors")).unwrap();
    fs::remove_file(rome.path("edit.safetensors")).unwrap();

    let mut n_kills = 0;
    loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(&args)
            .current_dir(rome.path("."))
            .env("ROME_CACHE", rome.path("cache"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole.mul_f64(0.3) + Duration::from_millis(37 * n_kills));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        n_kills += 1;
        assert!(n_kills < 60, "it gets nowhere");
    }
    assert!(n_kills > 0, "it was killed on its way");
    let found = fs::read(rome.path("edit.safetensors")).unwrap();
    let (found, expected) = (EditFile::from_bytes(&found).unwrap(), EditFile::from_bytes(&expected).unwrap());
    let requests = |file: &EditFile| file.edits().map(|(entry, _)| entry.request.clone()).collect::<Vec<_>>();
    assert_eq!(requests(&found), requests(&expected));
    for ((entry, found), (_, expected)) in found.edits().zip(expected.edits()) {
        // What a request takes over of an earlier one is rounded otherwise than what it runs itself.
        assert!(found.cosine(expected) > 0.9999, "{:?}: {}", entry.request, found.cosine(expected));
    }
    let left: Vec<_> =
        fs::read_dir(rome.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("partial")), "{left:?}");
}

/// Ctrl-C, as a terminal sends it.
#[cfg(unix)]
#[test]
fn an_interrupted_run_ends_with_130_and_resumes() {
    let rome = Rome::new();
    rome.write("requests.jsonl", &lines(&requests(12)));
    let args = edit(&["--request", "requests.jsonl", "--keep-going", "--save-every", "0"]);
    let child = Command::new(env!("CARGO_BIN_EXE_rome"))
        .args(&args)
        .current_dir(rome.path("."))
        .env("ROME_CACHE", rome.path("cache"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let partial = rome.path("edit.safetensors.partial");
    while !partial.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(output.stdout.is_empty() && error.contains("--resume"), "{error}");
    let n_saved = EditFile::from_bytes(&fs::read(&partial).unwrap()).unwrap().edits().count();
    assert!((1..12).contains(&n_saved), "{n_saved}");
    let mut left: Vec<_> =
        fs::read_dir(rome.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| name.to_string_lossy().starts_with("edit"));
    assert_eq!(left, ["edit.safetensors.partial"], "nothing is half-written");

    rome.run(&[&args[..], &["--resume"]].concat());
    let file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    assert_eq!(file.edits().count(), 12);
    assert!(!partial.exists());
}

#[test]
fn what_is_resumed_must_be_what_was_interrupted() {
    let rome = Rome::new();
    let three = requests(3);
    rome.write("requests.jsonl", &lines(&three));
    // A run that fails on its way leaves what it has come to.
    rome.write("two.jsonl", &lines(&three[..2]));
    rome.run(&edit(&["--request", "two.jsonl", "--keep-going"]));
    fs::rename(rome.path("edit.safetensors"), rome.path("edit.safetensors.partial")).unwrap();
    let error = rome.fails(&edit(&["--request", "requests.jsonl"]));
    assert!(error.contains("found partial results of an interrupted run"), "{error}");
    let error = rome.fails(&edit(&["--request", "requests.jsonl", "--resume", "--steps", "7"]));
    assert!(error.contains("the interrupted run had other settings"), "{error}");
    rome.write("others.jsonl", &lines(&three[1..]));
    let error = rome.fails(&edit(&["--request", "others.jsonl", "--resume"]));
    assert!(error.contains("the interrupted run had other requests"), "{error}");
    rome.run(&edit(&["--request", "requests.jsonl", "--resume"]));
    let file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    assert_eq!(file.edits().count(), 3);
    assert!(!rome.path("edit.safetensors.partial").exists());
}
