//! What the examples share: a model by its name, the bundled one without a name.

use anyhow::Result;
use burn::prelude::Device;
use rome_assets::FACTS_GPT2;
use rome_models::{Pretrained, Source};

/// Loads the model that the first argument names, a folder or a hub name; the bundled one
/// without an argument.
///
/// # Errors
/// When the model cannot be loaded.
pub fn model_from_args() -> Result<(Pretrained, bool)> {
    let device = Device::flex();
    Ok(match std::env::args().nth(1) {
        Some(name) => (Pretrained::load(&name, &device)?, false),
        None => (
            Pretrained::from_source(
                &Source::Embedded(FACTS_GPT2.name, FACTS_GPT2.files),
                &device,
                &mut |_| (),
            )?,
            true,
        ),
    })
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
