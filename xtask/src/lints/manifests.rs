//! Checks that every crate takes the lints of the workspace, which forbid `unsafe` without an exception.

use std::path::Path;

use anyhow::{Context, Result};

use crate::metadata;

/// The crates that do not take the workspace's lints, and the workspace if it does not forbid `unsafe`.
pub(super) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let root = super::root().join("Cargo.toml");
    if !section(&root, "[workspace.lints.rust]")?.iter().any(|line| line == "unsafe_code = \"forbid\"") {
        faults.push("the workspace does not forbid unsafe_code".to_owned());
    }
    for package in metadata::read()?.packages {
        if !section(&package.manifest_path, "[lints]")?.iter().any(|line| line == "workspace = true") {
            faults.push(format!("{} does not take the workspace's lints", package.name));
        }
    }
    Ok(faults)
}

/// The lines of a manifest from a heading to the next.
fn section(manifest: &Path, heading: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(manifest).with_context(|| manifest.display().to_string())?;
    let lines = text.lines().map(str::trim).skip_while(|line| *line != heading).skip(1);
    Ok(lines.take_while(|line| !line.starts_with('[')).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[lints]\n\n[dependencies]\nworkspace = true\n").unwrap();
        assert!(!section(file.path(), "[lints]").unwrap().iter().any(|line| line == "workspace = true"));
    }
}
