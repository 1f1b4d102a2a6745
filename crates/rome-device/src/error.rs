use thiserror::Error;

use crate::Backend;

/// Why there is no such device.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device is called this.
    #[error("{name:?} is not a device")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The backend is not a part of this program.
    #[error("this program was built without {}", backend.name())]
    NotCompiledIn {
        /// The backend.
        backend: Backend,
    },
    /// The machine has fewer of them.
    #[error("there is no device {name}: {} finds {n_devices} on this machine", backend.name())]
    Absent {
        /// The name that was asked for.
        name: String,
        /// Its backend.
        backend: Backend,
        /// The number of devices of that backend.
        n_devices: usize,
    },
    /// The program has no backend at all.
    #[error("this program was built without any backend")]
    NoBackend,
}

impl DeviceError {
    /// Says what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { .. } => {
                let names: Vec<&str> = Backend::ALL.map(Backend::name).to_vec();
                format!(
                    "give cpu, auto, or one of {}; a GPU's may end in a number, as in wgpu:1",
                    names.join(", ")
                )
            }
            Self::NotCompiledIn { backend } => {
                format!(
                    "build it with the feature {0}: cargo install --path crates/rome-cli --features {0}",
                    backend.name()
                )
            }
            Self::Absent { n_devices: 0, .. } => {
                "check that its driver is installed; rome doctor lists the devices".to_owned()
            }
            Self::Absent { .. } => "list the devices with rome doctor".to_owned(),
            Self::NoBackend => "build it with the feature flex".to_owned(),
        }
    }
}
