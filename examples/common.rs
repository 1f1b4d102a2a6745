//! The device that the examples compute on.

use rome_edit::burn::prelude::Device;
use rome_edit::{DeviceName, Error};

/// The device that `ROME_DEVICE` names; without it, a GPU if there is one.
///
/// # Errors
/// When there is no such device.
pub fn device() -> Result<Device, Error> {
    let name = std::env::var("ROME_DEVICE").unwrap_or_else(|_| "auto".to_owned());
    let info = name.parse::<DeviceName>()?.find()?;
    eprintln!("computing on {}", info.name);
    Ok(info.device)
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
