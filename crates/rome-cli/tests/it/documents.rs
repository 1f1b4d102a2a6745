//! The commands of the README and of docs/, run as they stand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Reasons not to run a block of commands here: it fetches something, needs a GPU, takes minutes, or builds
/// this repository.
const REASONS: [&str; 4] = ["download", "gpu", "slow", "repo"];

/// One fenced block of a document.
struct Block {
    /// The number of its first line.
    line: usize,
    /// The words after the fence, such as `sh download`.
    info: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn documents() -> Vec<PathBuf> {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        pages.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in (1..).zip(document.lines()) {
        match (&mut open, text.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
            (None, Some(info)) => open = Some(Block { line, info: info.to_owned(), text: String::new() }),
            (None, None) => {}
        }
    }
    blocks
}

/// Runs the blocks of a document that have this info, one after the other in an empty folder.
fn run(document: &Path, info: &str) -> usize {
    let folder = TempDir::new().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_rome")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let text = fs::read_to_string(document).unwrap();
    let blocks = blocks(&text).into_iter().filter(|block| block.info == info);
    blocks
        .map(|block| {
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &block.text])
                .current_dir(folder.path())
                .env("PATH", &path)
                .env("HOME", folder.path())
                .env("ROME_CACHE", folder.path().join("cache"))
                .env("HF_HOME", folder.path().join("hub"))
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:{}: {stderr}", document.display(), block.line);
        })
        .count()
}

#[test]
fn commands_say_why_they_are_not_run_here() {
    for document in documents() {
        for block in blocks(&fs::read_to_string(&document).unwrap()) {
            if let Some(reason) = block.info.strip_prefix("sh ") {
                assert!(REASONS.contains(&reason), "{}:{}: {reason}", document.display(), block.line);
            }
        }
    }
}

#[test]
fn the_commands_of_every_document_run() {
    let n_blocks: usize = documents().iter().map(|document| run(document, "sh")).sum();
    assert!(n_blocks >= 10, "{n_blocks}");
}

#[test]
#[ignore = "takes minutes; cargo xtask full runs it"]
fn the_slow_commands_of_every_document_run() {
    documents().iter().for_each(|document| {
        run(document, "sh slow");
    });
}
