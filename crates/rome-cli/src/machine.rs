//! What this machine has for rome.

use std::path::PathBuf;

use serde::Serialize;

/// This program and the machine under it.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) version: &'static str,
    pub(crate) system: String,
    pub(crate) threads: usize,
    pub(crate) instructions: &'static str,
    /// Where statistics are kept.
    pub(crate) cache: Option<Folder>,
    /// Where models of the hub are kept.
    pub(crate) hub: Option<Folder>,
}

/// A folder and what is in it.
#[derive(Debug, Serialize)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) exists: bool,
    pub(crate) n_bytes: u64,
}

impl Machine {
    pub(crate) fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            system: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            threads: rayon::current_num_threads(),
            instructions: rome_core::environment::instructions(),
            cache: rome_session::statistics::cache().ok().map(Folder::at),
            hub: hub().map(Folder::at),
        }
    }
}

impl Folder {
    fn at(path: PathBuf) -> Self {
        Self { exists: path.is_dir(), n_bytes: size(&path, 0), path }
    }
}

/// Where the hub's tools keep models, by the variables that all of them follow.
fn hub() -> Option<PathBuf> {
    let home = || dirs::home_dir().map(|home| home.join(".cache/huggingface"));
    std::env::var_os("HF_HOME").map(PathBuf::from).or_else(home).map(|folder| folder.join("hub"))
}

/// The bytes of all files in a folder; links are not followed.
fn size(folder: &std::path::Path, depth: usize) -> u64 {
    const DEEPEST: usize = 8;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && depth < DEEPEST => size(&entry.path(), depth + 1),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    sizes.sum()
}
