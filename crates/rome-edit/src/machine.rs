//! This machine and what it has for edits.

use std::fs;
use std::path::{Path, PathBuf};

use rome_core::Precision;
use rome_device::{Backend, DeviceInfo, DeviceName};
use rome_models::HubSettings;
use serde::Serialize;

use crate::error::Error;
use crate::statistics;

/// This program and the machine under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Machine {
    /// The version of this program.
    pub version: &'static str,
    /// The system and the architecture.
    pub system: String,
    /// The number of threads that compute.
    pub threads: usize,
    /// The vector instructions that are used.
    pub instructions: &'static str,
    /// The folder that statistics are kept in.
    pub cache: Option<Folder>,
    /// The folder that models of the hub are kept in.
    pub hub: Option<Folder>,
}

/// A folder and the size of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folder {
    /// Its path.
    pub path: PathBuf,
    /// True if it is there.
    pub exists: bool,
    /// The size of all its files.
    pub n_bytes: u64,
}

/// A device of this machine, as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeviceReport {
    /// The name that it is chosen by.
    pub name: String,
    /// The name that its maker gives it.
    pub model: String,
    /// The memory in bytes, where it is known.
    pub memory: Option<u64>,
    /// The types that models can be held in there.
    pub types: Vec<&'static str>,
    /// True if it is a GPU, and not a processor that passes for one.
    pub is_gpu: bool,
    /// True if it computes on the processor by the program itself.
    #[serde(skip)]
    pub is_cpu: bool,
}

impl Machine {
    /// Looks at this machine.
    pub fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            system: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            threads: rayon::current_num_threads(),
            instructions: rome_core::edit::instructions(),
            cache: statistics::cache().ok().map(Folder::at),
            hub: Some(Folder::at(HubSettings::from_env().cache)),
        }
    }
}

impl DeviceReport {
    /// Looks at a device. Opens a GPU.
    pub fn of(device: &DeviceInfo) -> Self {
        let types = [Precision::F32, Precision::F16, Precision::Bf16];
        let types = types.into_iter().filter(|precision| precision.is_supported_by(&device.device));
        Self {
            name: device.name.clone(),
            model: device.model(),
            memory: device.memory(),
            types: types.map(Precision::name).collect(),
            is_gpu: device.is_gpu(),
            is_cpu: device.backend.is_cpu(),
        }
    }
}

impl Folder {
    fn at(path: PathBuf) -> Self {
        Self { exists: path.is_dir(), n_bytes: size(&path, 0), path }
    }
}

/// Finds devices by their names; without a name, all that there are.
///
/// # Errors
/// When there is none of a name.
pub fn devices(names: &[String]) -> Result<Vec<DeviceInfo>, Error> {
    if names.is_empty() {
        return Ok(DeviceInfo::all());
    }
    names.iter().map(|name| Ok(name.parse::<DeviceName>()?.find()?)).collect()
}

/// The backends that this program was built without.
pub fn missing_backends() -> Vec<&'static str> {
    Backend::ALL.into_iter().filter(|backend| !backend.is_compiled_in()).map(Backend::name).collect()
}

/// The bytes of all files in a folder; links are not followed.
fn size(folder: &Path, depth: usize) -> u64 {
    const DEEPEST: usize = 8;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && depth < DEEPEST => size(&entry.path(), depth + 1),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    sizes.sum()
}
