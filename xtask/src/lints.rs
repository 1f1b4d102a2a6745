//! Every crate takes the lints of the workspace, which forbid `unsafe` without an exception.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::metadata;

/// Checks the manifest of every crate of the workspace, and that the workspace's forbids it.
pub(crate) fn check() -> Result<()> {
    let packages = metadata::read()?.packages;
    let mut faults = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    if !section(&root, "[workspace.lints.rust]")?.iter().any(|line| line == "unsafe_code = \"forbid\"") {
        faults.push("the workspace does not forbid unsafe_code".to_owned());
    }
    for package in &packages {
        if !section(&package.manifest_path, "[lints]")?.iter().any(|line| line == "workspace = true") {
            faults.push(format!("{} does not take the workspace's lints", package.name));
        }
    }
    if !faults.is_empty() {
        bail!("lints are not held everywhere:\n  {}", faults.join("\n  "));
    }
    println!("lints: {} crates are without unsafe", packages.len());
    Ok(())
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
    fn this_workspace_passes() {
        check().unwrap();
    }

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[lints]\n\n[dependencies]\nworkspace = true\n").unwrap();
        assert!(!section(file.path(), "[lints]").unwrap().iter().any(|line| line == "workspace = true"));
    }
}
