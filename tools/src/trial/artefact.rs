//! Checks artefacts of commands: whole, whatever happened to the command.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use safetensors::tensor::Metadata;
use serde_json::Value;

use super::Bench;

/// The beginnings of names of files and folders while they are written or claimed.
const TEMPORARY: &str = ".rome-tmp-";
const LOCK: &str = ".rome-lock";

/// The content of a folder.
#[derive(Debug, Default)]
pub(crate) struct FolderContent {
    /// Files under their final names, by their paths.
    pub(crate) files: Vec<PathBuf>,
    /// Files and folders that were being written.
    pub(crate) temporary: Vec<PathBuf>,
    /// The files that claim something for one process.
    locks: Vec<PathBuf>,
}

/// Looks through a folder, which need not be there.
pub(crate) fn find(folder: &Path) -> Result<FolderContent> {
    let mut found = FolderContent::default();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(TEMPORARY) {
                found.temporary.push(entry.path());
            } else if name.starts_with(LOCK) {
                found.locks.push(entry.path());
            } else if entry.file_type()?.is_dir() {
                left.push(entry.path());
            } else {
                found.files.push(entry.path());
            }
        }
    }
    found.files.sort();
    Ok(found)
}

/// The bytes of all files of a folder under their final names.
pub(crate) fn bytes(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    find(folder)?.files.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

/// Checks that all files of a folder are whole, and returns how many temporary ones there are.
pub(crate) fn check(bench: &Bench, folder: &str) -> Result<usize> {
    let found = find(&bench.path(folder))?;
    for path in &found.files {
        whole(bench, path).with_context(|| path.display().to_string())?;
    }
    Ok(found.temporary.len())
}

/// Checks that all files of a folder are whole, and that there are no others.
pub(crate) fn whole_and_nothing_left(bench: &Bench, folder: &str) -> Result<()> {
    check(bench, folder)?;
    let found = find(&bench.path(folder))?;
    let left: Vec<_> = found.temporary.iter().chain(&found.locks).collect();
    ensure!(left.is_empty(), "left behind are {left:?}");
    Ok(())
}

fn whole(bench: &Bench, path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let ends = |end: &str| name.ends_with(end);
    if ends(".safetensors") || ends(".safetensors.partial") {
        let header = header(path)?;
        // Edits and statistics say what they are; weights and logits do not.
        let says = |key| header.metadata().as_ref().is_some_and(|metadata| metadata.contains_key(key));
        return match () {
            () if says("rome") => shown(bench, "edit show", path),
            () if says("rome-stats") => shown(bench, "stats show", path),
            () => Ok(()),
        };
    }
    let bytes = fs::read(path)?;
    if ends(".json") {
        serde_json::from_slice::<Value>(&bytes)?;
    }
    for (kind, end) in [(".html", "</html>"), (".svg", "</svg>"), (".csv", "\n")] {
        let is_whole = bytes.ends_with(end.as_bytes()) || bytes.trim_ascii_end().ends_with(end.as_bytes());
        ensure!(!ends(kind) || is_whole, "it is cut off");
    }
    Ok(())
}

/// Reads the header of a file of tensors, which says how long it has to be. What this process held
/// itself would count as memory of those that it starts: so the tensors are passed over.
fn header(path: &Path) -> Result<Metadata> {
    let mut file = fs::File::open(path)?;
    let n_bytes = file.metadata()?.len();
    let mut len = [0; 8];
    file.read_exact(&mut len)?;
    let len = u64::from_le_bytes(len);
    ensure!(len <= n_bytes, "its header is cut off");
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    let header: Metadata = serde_json::from_slice(&bytes)?;
    ensure!(8 + len + header.data_len() as u64 == n_bytes, "it is {n_bytes} bytes long, and should not be");
    Ok(header)
}

fn shown(bench: &Bench, how: &str, path: &Path) -> Result<()> {
    let ended = crate::process::Running::start(bench.command(how).arg(path))?.wait()?;
    super::expect_code(&ended, &[0])
}
