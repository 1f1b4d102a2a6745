use std::fmt;
use std::str::FromStr;

use crate::{Backend, DeviceError, DeviceInfo};

/// A device as a user names it. [`Display`](fmt::Display) gives the name back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The best device: a GPU if there is one.
    Auto,
    /// The processor, by the best backend that the program has for it.
    Cpu,
    /// A device of a backend, by its number.
    Device(Backend, usize),
}

impl DeviceName {
    /// Finds the device on this machine.
    ///
    /// # Errors
    /// [`DeviceError`] when the program or the machine does not have it.
    pub fn find(self) -> Result<DeviceInfo, DeviceError> {
        match self {
            Self::Auto => {
                let backends = Backend::ALL.into_iter().filter(|backend| !backend.is_cpu());
                let gpu = backends.flat_map(DeviceInfo::of).find(DeviceInfo::is_gpu);
                gpu.map_or_else(|| Self::Cpu.find(), Ok)
            }
            Self::Cpu => {
                let backend = [Backend::Flex, Backend::NdArray].into_iter().find(|b| b.is_compiled_in());
                Self::Device(backend.ok_or(DeviceError::NoBackend)?, 0).find()
            }
            Self::Device(backend, _) if !backend.is_compiled_in() => {
                Err(DeviceError::NotCompiledIn { backend })
            }
            Self::Device(backend, index) => {
                let mut devices = DeviceInfo::of(backend);
                let n_devices = devices.len();
                if index < n_devices {
                    Ok(devices.swap_remove(index))
                } else {
                    Err(DeviceError::Absent { name: self.to_string(), backend, n_devices })
                }
            }
        }
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { name: text.to_owned() };
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let backend = Backend::ALL.into_iter().find(|backend| backend.name() == name);
        match (name, backend, index) {
            ("auto", _, None) => Ok(Self::Auto),
            ("cpu", _, None) => Ok(Self::Cpu),
            (_, Some(backend), None) => Ok(Self::Device(backend, 0)),
            (_, Some(backend), Some(index)) if !backend.is_cpu() => Ok(Self::Device(backend, index)),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Device(backend, 0) => f.write_str(backend.name()),
            Self::Device(backend, index) => write!(f, "{}:{index}", backend.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were() {
        for name in ["auto", "cpu", "flex", "ndarray", "wgpu", "wgpu:1", "vulkan", "metal", "cuda:7"] {
            assert_eq!(name.parse::<DeviceName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            "gpu",
            "cpu:0",
            "auto:1",
            "flex:1",
            "wgpu:",
            "wgpu:-1",
            "wgpu:1:2",
            "WGPU",
            "cuda:99999999999999999999",
        ] {
            assert_eq!(name.parse::<DeviceName>(), Err(DeviceError::Unknown { name: name.to_owned() }));
        }
    }

    #[test]
    fn what_was_not_compiled_in_is_named() {
        for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_compiled_in()) {
            let error = DeviceName::Device(backend, 0).find().map(|found| found.name);
            assert_eq!(error, Err(DeviceError::NotCompiledIn { backend }));
        }
    }
}
