//! The device that a user names.

use anyhow::Result;
use burn::prelude::Device;
use rome_device::DeviceName;

use crate::args::DeviceArgs;
use crate::output::note;

impl DeviceArgs {
    /// Returns the device that the user named.
    pub(crate) fn device(&self) -> Result<Device> {
        let name: DeviceName = self.device.parse()?;
        let found = name.find()?;
        if name == DeviceName::Auto {
            note(format!("computing on {} ({})", found.name, found.model()));
        }
        Ok(found.device)
    }
}
