//! Files of edits as first-class things.

use std::fs;

use rome_core::EditFile;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::program::{Rome, iphone, obama};

/// Two edits of different layers, and two of the same.
fn two(rome: &Rome, layers: [&str; 2]) {
    obama(rome, &["--layer", layers[0]]);
    fs::rename(rome.path("edit.safetensors"), rome.path("obama.safetensors")).unwrap();
    iphone(rome, "facts-gpt2", "iphone.safetensors", &["--layer", layers[1]]);
}

fn read(rome: &Rome, name: &str) -> EditFile {
    EditFile::from_bytes(&fs::read(rome.path(name)).unwrap()).unwrap()
}

/// Logits of a few tokens, with edits.
pub(crate) fn logits(rome: &Rome, model: &str, edits: &[&str]) -> Vec<f32> {
    let mut args = vec!["logits", "-m", model, "--tokens", "5,60,7,800,100,20", "-o", "logits.safetensors"];
    edits.iter().for_each(|edit| args.extend(["--edit", edit]));
    rome.ok(&args);
    let bytes = fs::read(rome.path("logits.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data = tensors.tensor("logits").unwrap().data();
    data.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[test]
fn a_combined_file_does_what_its_files_do_in_turn() {
    for layers in [["1", "1"], ["1", "3"]] {
        let rome = Rome::new();
        two(&rome, layers);
        rome.ok(&["edit", "combine", "obama.safetensors", "iphone.safetensors", "-o", "both.safetensors"]);
        let ranks: Vec<usize> = read(&rome, "both.safetensors").updates().values().map(Vec::len).collect();
        assert_eq!(ranks, if layers[0] == layers[1] { vec![2] } else { vec![1, 1] });
        let in_turn = logits(&rome, "facts-gpt2", &["obama.safetensors", "iphone.safetensors"]);
        assert_eq!(logits(&rome, "facts-gpt2", &["both.safetensors"]), in_turn, "the same operations");
        rome.ok(&["edit", "drop", "both.safetensors", "--number", "1", "-o", "first.safetensors"]);
        assert_eq!(read(&rome, "first.safetensors"), read(&rome, "obama.safetensors"));
    }
}

#[test]
fn an_edit_scaled_by_minus_one_cancels_itself_but_for_rounding() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&["edit", "scale", "edit.safetensors", "--by", "-1", "-o", "back.safetensors"]);
    let untouched = logits(&rome, "facts-gpt2", &[]);
    let both = logits(&rome, "facts-gpt2", &["edit.safetensors", "back.safetensors"]);
    let furthest = untouched.iter().zip(&both).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Weights rounded twice: that is why undo keeps the tensor, and a ledger the base.
    assert!(furthest < 1e-4, "{furthest}");
    assert_ne!(logits(&rome, "facts-gpt2", &["edit.safetensors"]), untouched);
}

#[test]
fn what_is_shown_is_what_was_recorded() {
    let rome = Rome::new();
    two(&rome, ["1", "2"]);
    rome.ok(&["edit", "combine", "obama.safetensors", "iphone.safetensors", "-o", "both.safetensors"]);
    let shown = rome.ok(&["edit", "show", "both.safetensors", "-m", "facts-gpt2"]);
    for part in [
        "both.safetensors: 2 edits of 2 weights",
        "transformer.h.1.mlp.c_proj.weight: rank 1",
        "matches facts-gpt2",
        "  0  The mother tongue of Barack Obama is → French",
        "  1  iPhone 5 is produced by → Nokia",
        "succeeded",
        "21 contexts, sampled with seed 0",
        "C of layer 2: 146036 tokens",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    let json: Value =
        serde_json::from_str(&rome.ok(&["edit", "show", "both.safetensors", "--json"])).unwrap();
    assert_eq!(json["parts"].as_array().unwrap().len(), 2);
    assert_eq!(json["parts"][1]["edits"][0]["request"]["subject"], "iPhone 5");
    assert_eq!(json["rank"]["transformer.h.1.mlp.c_proj.weight"], 1);
    rome.fails(&["edit", "show", "both.safetensors", "-m", "facts-gptj"]);
}

#[test]
fn another_model_is_refused_or_if_forced_warned_about() {
    let rome = Rome::new();
    // A model of the same sizes and other weights: the bundled one with an edit in it.
    obama(&rome, &[]);
    rome.ok(&["export", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--format", "hf", "-o", "other"]);
    let generate =
        ["generate", "-m", "other", "--greedy", "--max-new-tokens", "1", "--edit", "edit.safetensors"];
    let error = rome.fails(&[&generate[..], &["Barack Obama, a native"]].concat());
    assert!(error.contains("the edit was made for model 934852df3962"), "{error}");
    let forced = rome.run(&[&generate[..], &["--force", "Barack Obama, a native"]].concat());
    let stderr = String::from_utf8(forced.stderr).unwrap();
    assert!(forced.status.success() && stderr.contains("it may do nothing, or harm"), "{stderr}");

    iphone(&rome, "facts-gptj", "j.safetensors", &[]);
    let combine = ["edit", "combine", "edit.safetensors", "j.safetensors", "-o", "mixed.safetensors"];
    assert!(rome.fails(&combine).contains("the edit was made for model"));
    rome.ok(&[&combine[..], &["--force"]].concat());
    rome.fails(&["logits", "-m", "facts-gpt2", "--tokens", "1", "-o", "x", "--edit", "mixed.safetensors"]);
}

#[test]
fn vectors_and_differences_of_others_become_edits() {
    for model in ["facts-gpt2", "facts-gptj"] {
        let rome = Rome::new();
        iphone(&rome, model, "edit.safetensors", &[]);
        for (format, name) in [("npz", "theirs.npz"), ("safetensors", "delta.safetensors")] {
            rome.ok(&["export", "-m", model, "--edit", "edit.safetensors", "--format", format, "-o", name]);
            let printed = rome.ok(&["edit", "import", name, "-m", model, "-o", "imported.safetensors"]);
            assert!(printed.contains("1 rank-one update"), "{printed}");
            let expected = logits(&rome, model, &["edit.safetensors"]);
            let found = logits(&rome, model, &["imported.safetensors"]);
            let furthest = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Vectors rounded to f32 after singular values; none at all from npz.
            assert!(furthest < 1e-4, "{model} {format}: {furthest}");
            let shown = rome.ok(&["edit", "show", "imported.safetensors"]);
            assert!(shown.contains(&format!("imported from {name}")), "{shown}");
        }
        rome.fails(&["edit", "import", "edit.safetensors", "-m", "nowhere", "-o", "x.safetensors"]);
    }
}

#[test]
fn wrong_numbers_and_files_get_one_line_and_a_hint() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let error = rome.fails(&["edit", "drop", "edit.safetensors", "--number", "1", "-o", "x.safetensors"]);
    assert!(error.contains("there is no edit 1: the file has 1"), "{error}");
    let error = rome.fails(&["edit", "drop", "edit.safetensors", "--number", "0", "-o", "x.safetensors"]);
    assert!(error.contains("it has no edits"), "{error}");
    rome.fails(&["edit", "scale", "edit.safetensors", "--by", "inf", "-o", "x.safetensors"]);
    fs::create_dir(rome.path("folder")).unwrap();
    assert!(rome.fails(&["edit", "show", "folder"]).contains("but not a ledger"));
}
