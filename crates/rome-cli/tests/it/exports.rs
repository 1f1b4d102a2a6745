//! `rome export`: what others load, by our own reader. `integrations/consumers` loads it by theirs.

use std::fs;

use safetensors::SafeTensors;
use serde_json::Value;

use crate::edit_files::logits;
use crate::program::{Rome, obama};

#[test]
fn an_exported_folder_is_the_edited_model() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let export = ["export", "-m", "facts-gpt2", "--format", "hf", "-o"];
    rome.ok(&[&export[..], &["edited", "--edit", "edit.safetensors"]].concat());
    rome.ok(&[&export[..], &["base"]].concat());
    assert_eq!(logits(&rome, "edited", &[]), logits(&rome, "facts-gpt2", &["edit.safetensors"]));
    let bundled = rome_assets::FACTS_GPT2.files;
    for (name, bytes) in bundled {
        assert!(fs::read(rome.path("base").join(name)).unwrap() == *bytes, "{name}");
    }
    let error = rome.fails(&[&export[..], &["base"]].concat());
    assert!(error.contains("base already exists"), "{error}");
}

#[test]
fn a_small_file_says_what_a_large_one_would() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let export = ["export", "-m", "facts-gpt2", "--edit", "edit.safetensors", "--format"];
    rome.ok(&[&export[..], &["lora", "-o", "lora"]].concat());
    rome.ok(&[&export[..], &["safetensors", "-o", "dense"]].concat());
    let size = |name: &str| fs::metadata(rome.path(name)).unwrap().len();
    let (small, large) = (size("lora/adapter_model.safetensors"), size("dense/delta.safetensors"));
    assert!(small < 5_000 && large > 500_000, "{small} {large}");
    let config = fs::read(rome.path("lora/adapter_config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!((&config["r"], &config["fan_in_fan_out"]), (&1.into(), &true.into()));
    let weights = fs::read(rome.path("lora/adapter_model.safetensors")).unwrap();
    let mut names: Vec<String> =
        SafeTensors::deserialize(&weights).unwrap().names().into_iter().map(str::to_owned).collect();
    names.sort();
    let name = |part| format!("base_model.model.transformer.h.1.mlp.c_proj.lora_{part}.weight");
    assert_eq!(names, [name("A"), name("B")]);
}

#[test]
fn what_cannot_be_exported_gets_one_line_and_a_hint() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let edit = ["--edit", "edit.safetensors"];
    let export = |model: &str, format: &str, more: &[&str]| {
        rome.fails(&[&["export", "-m", model, "--format", format, "-o", "out"], more].concat())
    };
    assert!(export("facts-gpt2", "lora", &[]).contains("there are no edits to export"));
    assert!(export("facts-gptj", "lora", &edit).contains("was made for model"));
    assert!(export("facts-gptj", "hf", &edit).contains("no weight"));
    assert!(export("facts-gpt", "hf", &[]).contains("no model at"));
    assert!(export("facts-gpt2", "onnx", &[]).contains("invalid value"));
    assert!(!rome.path("out").exists());
}
