//! Checks of what the compiler does not see: manifests, sentences, links.

mod links;
mod manifests;
mod sentences;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Runs every check and reports the faults of all.
pub(crate) fn check() -> Result<()> {
    let files = tracked_files()?;
    let faults = [manifests::faults()?, sentences::faults(&files)?, links::faults(&files)?].concat();
    if !faults.is_empty() {
        bail!("lints are not held everywhere:\n  {}", faults.join("\n  "));
    }
    println!("lints: manifests, doc comments, names of tests and links are as they should be");
    Ok(())
}

/// The files of the repository, relative to its root.
fn tracked_files() -> Result<Vec<PathBuf>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let output = output.context("cannot list the files of the repository")?;
    // Without a list there would be nothing to find fault with.
    ensure!(output.status.success(), "cannot list the files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout)?;
    // A file that was removed is listed until that is committed.
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(files.filter(|file| root().join(file).is_file()).collect())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The text of each file whose name ends so.
fn texts<'a>(files: &'a [PathBuf], extension: &'a str) -> impl Iterator<Item = Result<(&'a Path, String)>> {
    let files = files.iter().filter(move |file| file.extension().is_some_and(|end| end == extension));
    files.map(|file| {
        let text = std::fs::read_to_string(root().join(file)).with_context(|| file.display().to_string())?;
        Ok((file.as_path(), text))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_workspace_passes() {
        super::check().unwrap();
    }
}
