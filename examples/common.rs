//! What the examples share: a model by its name, the bundled one without a name, on a device by
//! its name, the best there is without one.

use anyhow::Result;
use rome_assets::FACTS_GPT2;
use rome_core::Precision;
use rome_device::DeviceName;
use rome_models::{Pretrained, Source};

/// Loads the model that the first argument names, a folder or a hub name, or the bundled one
/// without an argument, and says whether it is that.
///
/// `ROME_DEVICE` names the device; without it, it is a GPU if there is one.
///
/// # Errors
/// When there is no such device, or the model cannot be loaded.
pub fn model_from_args() -> Result<(Pretrained, bool)> {
    let name = std::env::var("ROME_DEVICE").unwrap_or_else(|_| "auto".to_owned());
    let device = name.parse::<DeviceName>()?.find()?;
    eprintln!("computing on {}", device.name);
    let (source, is_bundled) = match std::env::args().nth(1) {
        Some(name) => (Source::resolve(&name, &mut |_| ())?, false),
        None => (Source::Embedded(FACTS_GPT2.name, FACTS_GPT2.files), true),
    };
    Ok((Pretrained::from_source(&source, &device.device, Precision::F32, &mut |_| ())?, is_bundled))
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
