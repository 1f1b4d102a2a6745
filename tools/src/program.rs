//! `rome` as a user has it.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{cargo, target};

/// Builds `rome` with some backends beside the default one, and returns its path.
pub(crate) fn build(backends: &[String]) -> Result<PathBuf> {
    let mut build = cargo::command();
    build.args(["build", "--quiet", "--release", "--package", "rome-cli"]);
    build.args(["--features", &backends.join(",")]);
    if !build.status()?.success() {
        bail!("rome does not build");
    }
    Ok(target::folder()?.join("release/rome"))
}
