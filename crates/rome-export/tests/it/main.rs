//! Edits in other tools' forms, and back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod adapters;
mod arrays;
mod checkpoints;

use rome_core::{EditEntry, EditFile, EditPart, EditRecord, ModelHash, RankOneUpdate};
use rome_models::Source;
use rome_models::config::Config;

fn source(name: &str) -> Source {
    let bundled = rome_assets::bundled(name).unwrap();
    Source::Embedded(bundled.name, bundled.files)
}

fn config(name: &str) -> Config {
    Config::load(&source(name)).unwrap()
}

/// Edits of the bundled models by layer, in order, of values that mean nothing.
fn edits(name: &str, layers: &[usize]) -> EditFile {
    edits_of(&source(name), &ModelHash::new(rome_assets::bundled(name).unwrap().hash), layers)
}

fn edits_of(source: &Source, hash: &ModelHash, layers: &[usize]) -> EditFile {
    let config = Config::load(source).unwrap();
    let shape = config.shape();
    let mut part = EditPart::new(EditRecord::imported("test", hash.clone(), "test"));
    for (number, &layer) in (1..).zip(layers) {
        let vector = |len: usize, seed: usize| -> Vec<f32> {
            (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 1009.0 - 0.5).collect()
        };
        let update =
            RankOneUpdate { left: vector(shape.d_ff, number), right: vector(shape.d_model, number + 50) };
        part.push(EditEntry::imported(&config.weight_name(layer), layer, 0.1), update);
    }
    part.into()
}
