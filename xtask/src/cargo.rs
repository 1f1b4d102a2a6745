//! Cargo, run in this workspace by a program that cargo runs. The crate `tools` takes this file, too.

use std::process::Command;

use anyhow::{Result, bail};
use serde::de::DeserializeOwned;

/// A cargo in the root of the workspace. It does not get what cargo says to this program of its own
/// package: it would run build scripts again for it.
pub(crate) fn command() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// The output of `cargo metadata --no-deps` on the workspace, as far as `T` asks for it.
pub(crate) fn metadata<T: DeserializeOwned>() -> Result<T> {
    let output = command().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
