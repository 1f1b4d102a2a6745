//! Programs outside of the workspace that depend on single crates build and run.

use std::path::Path;
use std::process::Command;

fn run(program: &str, args: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // The workspace's own lock, so that no version differs and nothing is fetched anew.
    let folder = fixtures::path("outside").join(program);
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target/outside"))
        .arg("--")
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn core_alone_edits_a_layer_of_ones_own() {
    assert!(run("core-only", &[]).starts_with("core-only: "));
}

#[test]
fn core_and_models_edit_a_checkpoint() {
    let folder = fixtures::model_folder("facts-gpt2");
    assert!(run("core-and-models", &[folder.to_str().unwrap()]).starts_with("core-and-models: "));
}
