//! `rome` as a user has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::metadata;

/// Takes from a command what cargo says to this task of its own package: another cargo would run
/// build scripts anew for it.
pub(crate) fn without_package(command: &mut Command) {
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        command.env_remove(name);
    }
}

/// Builds `rome` with some backends beside the default one, and returns its path.
pub(crate) fn build(backends: &[String]) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--package", "rome-cli"]).current_dir(&root);
    build.args(["--features", &backends.join(",")]);
    without_package(&mut build);
    let status = build.status()?;
    if !status.success() {
        bail!("rome does not build");
    }
    Ok(metadata::read()?.target_directory.join("release/rome"))
}
