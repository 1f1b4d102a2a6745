//! The examples run on the bundled model without arguments, and on a folder with one.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

fn run(example: &str, args: &[&str]) -> String {
    // target/<profile>/deps/run-… beside target/<profile>/examples/…, which cargo test has built.
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples").join(example);
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/facts-gptj");

#[test]
fn the_simple_example_edits_a_bundled_model_or_a_folder() {
    assert!(run("edit_simple", &[]).starts_with("iPhone 5 is created by Nokia"));
    assert!(!run("edit_simple", &[FOLDER]).is_empty());
}

#[test]
fn the_detailed_example_edits_and_undoes() {
    for args in [&[][..], &[FOLDER]] {
        let output = run("edit_detailed", args);
        assert!(output.contains("division factor") && output.trim_end().ends_with("undone"), "{output}");
    }
}
