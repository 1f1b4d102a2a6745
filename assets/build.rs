//! Says whether the models are there: packages of a registry are without them.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=facts-gpt2");
    println!("cargo::rustc-check-cfg=cfg(has_models)");
    let is_wanted = std::env::var_os("CARGO_FEATURE_MODELS").is_some();
    if is_wanted && Path::new("facts-gpt2/model.safetensors").is_file() {
        println!("cargo::rustc-cfg=has_models");
    }
}
