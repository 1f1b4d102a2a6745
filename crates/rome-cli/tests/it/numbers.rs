//! Numbers that are too large, too small, or none: told where they arise.

use std::fs;

use rome_core::SecondMoment;
use rome_stats::{Provenance, Statistics, SumFormat};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::program::Rome;

const REQUEST: [&str; 6] =
    ["--prompt", "The mother tongue of {} is", "--subject", "Barack Obama", "--target", "French"];

/// The length of a key of facts-gpt2.
const D_FF: usize = 768;

/// A model with one weight so large that its logits overflow.
fn overflowing(rome: &Rome) {
    let original = fixtures::model_folder("facts-gpt2");
    fs::create_dir(rome.path("model")).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(original.join(file), rome.path("model").join(file)).unwrap();
    }
    let mut bytes = fs::read(original.join("model.safetensors")).unwrap();
    let (n_header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let (start, end) = metadata.info("transformer.ln_f.weight").unwrap().data_offsets;
    for value in bytes[8 + n_header..][start..end].chunks_mut(4) {
        value.copy_from_slice(&3e38_f32.to_le_bytes());
    }
    fs::write(rome.path("model/model.safetensors"), bytes).unwrap();
}

#[test]
fn a_model_whose_logits_overflow_is_told_of_by_every_command() {
    let rome = Rome::new();
    overflowing(&rome);
    rome.write("request.jsonl", r#"{"prompt": "{} is", "subject": "Paris", "target": "red"}"#);
    rome.write("contexts.json", r#"["{}"]"#);
    rome.write("prompts.json", r#"{"rewrite": ["Paris is"]}"#);
    let edit = [
        &["edit", "-m", "model", "--stats", "identity", "--contexts", "contexts.json", "-o", "x.safetensors"],
        &REQUEST[..],
    ];
    let commands: [&[&str]; 4] = [
        &["generate", "-m", "model", "--greedy", "Paris is in"],
        &["logits", "-m", "model", "--tokens", "1,2,3", "-o", "x.safetensors"],
        &["trace", "-m", "model", "--prompt", "Paris is in", "--subject", "Paris", "-o", "x.json"],
        &edit.concat(),
    ];
    for command in commands {
        let error = rome.fails(&[command, &["--quiet"]].concat());
        assert!(error.contains("not finite"), "{command:?}: {error}");
    }
    // What an edit has done is a verdict; what was so before it is none.
    rome.ok(&[&["edit", "-m", "facts-gpt2", "-o", "edit.safetensors"], &REQUEST[..]].concat());
    let error = rome.fails(&["audit", "-m", "model", "--edit", "edit.safetensors", "--force", "--quiet"]);
    assert!(error.contains("not finite"), "{error}");
}

/// Statistics of layer 1 of facts-gpt2 that know one dimension only so well: C⁻¹k nearly is that dimension.
fn statistics(rome: &Rome, dimension: usize, of_it: f64) -> String {
    let mut sum = vec![0.0; D_FF * D_FF];
    for index in 0..D_FF {
        sum[index * D_FF + index] = if index == dimension { of_it } else { 1000.0 };
    }
    let bundled = Statistics::from_bytes(rome_assets::FACTS_GPT2.statistics[1]).unwrap();
    let provenance =
        Provenance { model_hash: bundled.provenance.model_hash, layer: Some(1), ..Provenance::default() };
    let moment = SecondMoment::from_sum(D_FF, 1000, sum).unwrap();
    let statistics = Statistics { moment, provenance, convergence: Vec::new() };
    fs::write(rome.path("statistics.safetensors"), statistics.to_bytes(SumFormat::Full).unwrap()).unwrap();
    "statistics.safetensors".to_owned()
}

fn edit_with(rome: &Rome, statistics: &str) -> (Option<i32>, Value, String) {
    let args =
        ["edit", "-m", "facts-gpt2", "--layer", "1", "--steps", "2", "--json", "-o", "edit.safetensors"];
    let output = rome.run(&[&args, &REQUEST[..], &["--stats", statistics]].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), report, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_key_nearly_orthogonal_to_its_edit_is_reported() {
    let rome = Rome::new();
    let (mut n_thin, mut n_disabling) = (0, 0);
    for dimension in 0..24 {
        let (code, report, error) = edit_with(&rome, &statistics(&rome, dimension, 0.01));
        let cosine = report["alignment"].as_f64().unwrap().abs();
        let warns = error.contains("the lookup key is nearly orthogonal to the edit direction (cosine ");
        assert_eq!(warns, cosine < 0.1, "{cosine}: {error}");
        assert_eq!(error.contains("and may disable the model"), cosine < 0.01, "{error}");
        if cosine < 0.01 {
            assert_eq!(code, Some(1), "{report}");
        }
        n_thin += usize::from((0.01..0.1).contains(&cosine));
        n_disabling += usize::from(cosine < 0.01);
    }
    assert!(n_thin > 0 && n_disabling > 0, "{n_thin}, {n_disabling}");
}

#[test]
fn a_singular_second_moment_gets_a_ridge_that_is_recorded() {
    let rome = Rome::new();
    let (_, _, error) = edit_with(&rome, &statistics(&rome, 3, 0.0));
    assert!(error.contains("nearly singular in 768 dimensions: added "), "{error}");
    let shown: Value =
        serde_json::from_str(&rome.ok(&["edit", "show", "--json", "edit.safetensors"])).unwrap();
    assert!(shown["parts"][0]["statistics"]["1"]["ridge"].as_f64().unwrap() > 0.0);
}
