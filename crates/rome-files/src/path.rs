//! Paths of files.

use std::path::{Path, PathBuf};

use crate::FileError;

/// Follows a link, so that renaming replaces what it points to and not the link.
///
/// # Errors
/// When it points nowhere.
pub fn target_of(path: &Path) -> Result<PathBuf, FileError> {
    if path.is_symlink() {
        path.canonicalize().map_err(|error| FileError::Link { link: path.to_owned(), error })
    } else {
        Ok(path.to_owned())
    }
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
