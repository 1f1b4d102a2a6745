//! The packages of the workspace, as cargo sees them.

use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use crate::cargo;

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// The workspace's own packages.
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
    /// The registries that it may go to; `None` for any.
    pub(crate) publish: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    pub(crate) kind: Option<String>,
    /// The path, if it is of the workspace.
    pub(crate) path: Option<PathBuf>,
    pub(crate) features: Vec<String>,
}

/// A library, a program, a test.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
}

impl Package {
    /// True if it is one of the crates that users get, under `crates/`.
    pub(crate) fn is_ours(&self) -> bool {
        self.manifest_path.components().any(|part| part.as_os_str() == "crates")
    }

    /// True if it may go to any registry.
    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }
}

/// Asks cargo. (The crate `cargo_metadata` would give serde_json a feature that `rome` lacks, and so make
/// burn compile once more in a build of the whole workspace.)
pub(crate) fn read() -> Result<Metadata> {
    cargo::metadata()
}
