//! Files that are read within bounds and written as a whole or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::SessionError;

/// Reads a file, unless it is larger than any such file is.
///
/// # Errors
/// When it cannot be read, or has more than `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, SessionError> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot read {}: {error}", path.display());
        SessionError::new(message, "check that the file exists and may be read")
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        let message = format!("{} is larger than {limit} bytes", path.display());
        return Err(SessionError::new(message, "check that this is the right file"));
    }
    Ok(bytes)
}

/// Writes a file as a whole or not at all: to a temporary one beside it, then by renaming.
///
/// # Errors
/// When it cannot be written; what was there is untouched then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), SessionError> {
    let path = target_of(path)?;
    let mut file = temporary_in(&folder_of(&path))?;
    file.write_all(bytes).map_err(|error| SessionError::io("write", &path, &error))?;
    persist(file, &path)
}

/// Puts a temporary file in its place, its bytes safe on the disk.
///
/// # Errors
/// When it cannot be renamed.
pub fn persist(file: NamedTempFile, path: &Path) -> Result<(), SessionError> {
    let failed = |error: std::io::Error| SessionError::io("write", path, &error);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Follows a link, so that renaming replaces what it points to and not the link.
///
/// # Errors
/// When it points nowhere.
pub fn target_of(path: &Path) -> Result<PathBuf, SessionError> {
    match path.is_symlink() {
        true => path.canonicalize().map_err(|error| SessionError::io("follow", path, &error)),
        false => Ok(path.to_owned()),
    }
}

/// Makes a temporary file in a folder.
///
/// # Errors
/// When nothing can be written there.
pub fn temporary_in(folder: &Path) -> Result<NamedTempFile, SessionError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rome-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What the user's mask leaves of it; a temporary file is private by default.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(|error| {
        let message = format!("cannot write into {}: {error}", folder.display());
        SessionError::new(message, "give a place that may be written to with -o")
    })
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
