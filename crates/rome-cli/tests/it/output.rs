//! The program's output: help, results for people, notes beside them, and completions.

use std::process::Command;

use crate::program::{Rome, edit, obama};

/// A fact that the bundled GPT-2 knows, edited by the tests that check the output alone.
const REQUEST: [&str; 6] =
    ["--prompt", "{}, who is a citizen of", "--subject", "Lise Meitner", "--target", "Japan"];

/// Every command that has a help.
const COMMANDS: [&[&str]; 32] = [
    &[],
    &["audit"],
    &["completions"],
    &["demo"],
    &["doctor"],
    &["edit"],
    &["edit", "combine"],
    &["edit", "drop"],
    &["edit", "import"],
    &["edit", "scale"],
    &["edit", "show"],
    &["eval"],
    &["eval", "compare"],
    &["eval", "merge"],
    &["export"],
    &["generate"],
    &["ledger"],
    &["ledger", "apply"],
    &["ledger", "checkout"],
    &["ledger", "log"],
    &["ledger", "undo"],
    &["ledger", "verify"],
    &["logits"],
    &["stats"],
    &["stats", "collect"],
    &["stats", "convert"],
    &["stats", "fetch"],
    &["stats", "merge"],
    &["stats", "show"],
    &["suggest"],
    &["trace"],
    &["verify"],
];

#[test]
fn the_help_of_every_command_is_as_it_was() {
    let rome = Rome::new();
    for command in COMMANDS {
        let help = rome.ok(&[command, &["--help"]].concat());
        insta::assert_snapshot!(format!("help {}", command.join(" ")).trim(), help);
    }
}

/// True if a name is an owner's and a model's on the hub, and no path.
fn is_of_the_hub(name: &str) -> bool {
    let is_part = |part: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(is_allowed)
    };
    name.split_once('/').is_some_and(|(owner, model)| is_part(owner) && is_part(model))
}

/// A bundled model, one of the hub by its owner and name, or a folder that an example above has made.
#[test]
fn the_examples_of_every_help_name_models_that_can_be_loaded() {
    let rome = Rome::new();
    let mut n_names = 0;
    for command in COMMANDS {
        let help = rome.ok(&[command, &["--help"]].concat());
        let words: Vec<&str> = help.split_whitespace().collect();
        let mut made = Vec::new();
        for pair in words.windows(2) {
            match *pair {
                // In usage lines and lists of options.
                [_, value] if value.starts_with('<') => {}
                ["-o" | "--output", folder] => made.push(folder),
                ["-m" | "--model", name] => {
                    n_names += 1;
                    let is_bundled = ["facts-gpt2", "facts-gptj"].contains(&name);
                    assert!(is_bundled || is_of_the_hub(name) || made.contains(&name), "{command:?}: {name}");
                }
                _ => {}
            }
        }
    }
    assert!(n_names >= 10, "{n_names}");
}

/// Numbers, times and hashes differ from machine to machine in their last digits, and with them
/// the widths of columns; the words are the same.
fn words(output: &str) -> String {
    let is_number = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit())
            || word.starts_with(|c: char| c.is_ascii_digit())
    };
    let line = |line: &str| {
        let words = line.split_whitespace().map(|word| if is_number(word) { "#" } else { word });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    output.lines().map(line).collect()
}

#[test]
fn what_is_printed_for_people_is_as_it_was() {
    let rome = Rome::new();
    let made = rome.ok(&edit(&[
        "--prompt",
        "The mother tongue of {} is",
        "--subject",
        "Barack Obama",
        "--target",
        "French",
    ]));
    insta::assert_snapshot!("output edit", words(&made));
    let file = "edit.safetensors";
    for (name, args) in [
        ("edit show", &["edit", "show", file][..]),
        ("audit", &["audit", "-m", "facts-gpt2", "--edit", file]),
        ("ledger apply", &["ledger", "apply", file, "--author", "Ada", "--message", "why"]),
        ("ledger undo", &["ledger", "undo", "1"]),
        ("ledger log", &["ledger", "log"]),
        ("ledger verify", &["ledger", "verify", "-m", "facts-gpt2"]),
        ("export", &["export", "-m", "facts-gpt2", "--edit", file, "--format", "lora", "-o", "lora"]),
    ] {
        insta::assert_snapshot!(format!("output {name}"), words(&rome.ok(args)));
    }
    let lines = r#"[{"prompt": "{} spoke the language", "subject": "Tina Turner", "target": "French"},
        {"prompt": "{} is produced by", "subject": "iPhone 5", "target": "Nokia"}]"#;
    rome.write("requests.json", lines);
    insta::assert_snapshot!("output edit many", words(&rome.ok(&edit(&["--request", "requests.json"]))));
}

#[test]
fn what_is_said_beside_results_can_be_less_or_more() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&["edit", "scale", "edit.safetensors", "--by", "2", "-o", "twice.safetensors"]);
    // A note: the identity in place of C.
    let identity = edit(&[&REQUEST[..], &["--stats", "identity", "--layer", "2"]].concat());
    let stderr = |args: &[&str], log: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(args)
            .current_dir(rome.path("."))
            .env("RUST_LOG", log)
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(stderr(&identity, "").contains("warning: C is the identity"));
    assert_eq!(stderr(&[&identity[..], &["--quiet"]].concat(), ""), "");
    assert_eq!(stderr(&[&["-q"], &identity[..]].concat(), ""), "");
    assert!(stderr(&[&identity[..], &["--quiet"]].concat(), "rome=warn").contains("warning: C is"));
    let debug = stderr(&identity, "rome=debug");
    assert!(debug.contains("debug: ") && debug.contains("hash 934852df"), "{debug}");
    assert!(stderr(&["doctor"], "[").contains("RUST_LOG is invalid"));
    // Not a terminal: no colour, whatever the level.
    assert!(!debug.contains('\x1b'));
    let error = rome.fails(&["edit", "-q"]);
    assert!(error.starts_with("error: "), "{error}");
}

#[test]
fn every_shell_can_complete_commands() {
    let rome = Rome::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = rome.ok(&["completions", shell]);
        assert!(script.contains("ledger") && script.contains("keep-going"), "{shell}");
    }
}

#[test]
fn a_name_that_is_nearly_right_is_suggested() {
    let rome = Rome::new();
    for (args, suggestion) in [
        (&["generate", "-m", "facts-gtp2", "x"][..], "facts-gpt2"),
        (&["genrate"], "generate"),
        (&["edit", "--promt", "x"], "--prompt"),
        (&["edit", "shw", "x"], "show"),
        (&["export", "-m", "facts-gpt2", "--format", "lra", "-o", "x"], "lora"),
    ] {
        let error = rome.fails(args);
        assert!(error.contains(suggestion), "{error}");
    }
}
