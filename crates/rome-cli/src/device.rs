//! Devices by name. The only place that names a backend.

use anyhow::Result;
use burn::prelude::Device;

use crate::args::DeviceArgs;
use crate::error::CliError;

impl DeviceArgs {
    /// Returns the device that the user named.
    pub(crate) fn device(&self) -> Result<Device> {
        match self.device.as_str() {
            #[cfg(feature = "flex")]
            "cpu" | "flex" => Ok(Device::flex()),
            other => Err(CliError::with_hint(
                format!("there is no device {other:?} in this build"),
                "use --device cpu",
            )),
        }
    }
}
