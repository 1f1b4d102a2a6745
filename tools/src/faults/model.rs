//! A model of its own to be damaged.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use safetensors::SafeTensors;
use serde_json::json;

use crate::trial::Bench;

/// The parts of a checkpoint in parts.
pub(super) const SHARDS: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/// Copies a bundled model into a folder, and returns the path of its weights.
pub(super) fn copy(bench: &Bench, folder: &str) -> Result<PathBuf> {
    bench.empty(folder)?;
    let from = fixtures::model_folder("facts-gpt2");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(from.join(name), bench.path(folder).join(name))?;
    }
    Ok(bench.path(folder).join("model.safetensors"))
}

/// The same, its weights in two files.
pub(super) fn in_parts(bench: &Bench, folder: &str) -> Result<()> {
    let whole = copy(bench, folder)?;
    let bytes = fs::read(&whole)?;
    let tensors = SafeTensors::deserialize(&bytes)?.tensors();
    let (first, second) = tensors.split_at(tensors.len() / 2);
    let mut weight_map = serde_json::Map::new();
    for (shard, part) in SHARDS.into_iter().zip([first, second]) {
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        let views = part.iter().map(|(name, view)| (name, view));
        safetensors::serialize_to_file(views, Some(metadata), &bench.path(folder).join(shard))?;
        weight_map.extend(part.iter().map(|(name, _)| (name.clone(), shard.into())));
    }
    let index = json!({ "metadata": {}, "weight_map": weight_map });
    bench.write(&format!("{folder}/model.safetensors.index.json"), index.to_string())?;
    fs::remove_file(whole).context("the weights as one file")
}
