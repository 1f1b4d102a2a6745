//! The folder that cargo builds into.

use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use crate::cargo;

/// The target folder of the workspace.
pub(crate) fn folder() -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    Ok(cargo::metadata::<Metadata>()?.target_directory)
}
