use burn::prelude::Device;

use crate::Backend;

/// A device of this machine.
#[derive(Debug, Clone)]
pub struct DeviceInfo {
    /// The name, such as `flex` or `wgpu:0`.
    pub name: String,
    /// Its backend.
    pub backend: Backend,
    /// The device.
    pub device: Device,
}

impl DeviceInfo {
    /// Returns all devices of this machine that the program has a backend for, best first.
    pub fn all() -> Vec<Self> {
        Backend::ALL.into_iter().flat_map(Self::of).collect()
    }

    /// Returns those of one backend.
    pub(crate) fn of(backend: Backend) -> Vec<Self> {
        let name = |index| {
            if backend.is_cpu() { backend.name().to_owned() } else { format!("{}:{index}", backend.name()) }
        };
        let devices = backend.devices().into_iter().enumerate();
        devices.map(|(index, device)| Self { name: name(index), backend, device }).collect()
    }

    /// The name of the device, as its maker calls it. Opens a GPU.
    pub fn model(&self) -> String {
        #[cfg(feature = "gpu")]
        if let Some(identity) = self.device.identity() {
            return identity.name;
        }
        let brand = sysinfo::System::new().ok().and_then(|mut system| {
            system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
            Some(system.cpus().first()?.brand().trim().to_owned())
        });
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        format!("{}, {n_threads} threads", brand.as_deref().unwrap_or("a processor"))
    }

    /// The memory in bytes, where it is known. Opens a GPU.
    pub fn memory(&self) -> Option<u64> {
        #[cfg(feature = "gpu")]
        if let burn_dispatch::DispatchDevice::Cube(device) = self.device.as_dispatch() {
            return device.client().properties().memory.max_memory();
        }
        let mut system = sysinfo::System::new().ok()?;
        system.refresh_memory();
        Some(system.total_memory())
    }

    /// True if it is a GPU, and not a processor that passes for one, as Mesa's lavapipe does.
    /// Opens a GPU.
    pub fn is_gpu(&self) -> bool {
        #[cfg(feature = "gpu")]
        return self.device.identity().is_some_and(|identity| identity.physical.is_some());
        #[cfg(not(feature = "gpu"))]
        return false;
    }
}
