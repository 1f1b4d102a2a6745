//! Files and folders that are not whole yet.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::{NamedTempFile, TempDir};

use crate::FileError;
use crate::claim::is_at;

/// What the names of files and folders begin with while they are written; as many characters as
/// [`N_RANDOM`] follow.
const TEMPORARY: &str = ".rome-tmp-";
const N_RANDOM: usize = 6;

/// A folder that is being filled.
pub(crate) struct TemporaryFolder {
    pub(crate) folder: TempDir,
    /// Says that its process lives, where folders can be locked.
    _file: Option<File>,
}

/// Makes a temporary file in a folder. It is locked for as long as it is open, by which others know
/// that it is of a process that lives. Before the first one in a folder, those of others are
/// [cleared](clear).
///
/// # Errors
/// When nothing can be written there.
pub fn temporary_in(folder: &Path) -> Result<NamedTempFile, FileError> {
    let builder = &mut builder();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What the user's mask leaves of it; a temporary file is private by default.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    clear_once(folder);
    loop {
        let file = builder.tempfile_in(folder).map_err(cannot_write_into(folder))?;
        if is_kept(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

/// Makes a temporary folder in a folder, as [`temporary_in`] makes a file.
pub(crate) fn temporary_folder_in(folder: &Path) -> Result<TemporaryFolder, FileError> {
    let builder = &mut builder();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    clear_once(folder);
    loop {
        let made = builder.tempdir_in(folder).map_err(cannot_write_into(folder))?;
        let file = File::open(made.path()).ok();
        if file.as_ref().is_none_or(|file| is_kept(file, made.path())) {
            return Ok(TemporaryFolder { folder: made, _file: file });
        }
    }
}

/// Removes what processes that were killed were writing into a folder. What a process is writing now
/// stays, and so does what cannot be looked at or removed: it does no harm.
pub fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_what = |is: fn(&fs::FileType) -> bool| entry.file_type().is_ok_and(|kind| is(&kind));
        let (is_file, is_folder) = (is_what(fs::FileType::is_file), is_what(fs::FileType::is_dir));
        if !(is_temporary(&entry.file_name().to_string_lossy()) && (is_file || is_folder)) {
            continue;
        }
        let path = entry.path();
        let Ok(file) = File::open(&path) else { continue };
        // Its writer may have put it in its place meanwhile.
        if file.try_lock().is_ok() && is_at(&file, &path) {
            let _ = if is_file { fs::remove_file(&path) } else { fs::remove_dir_all(&path) };
        }
    }
}

/// Clears a folder once for this process: reading a large one each time would take long.
fn clear_once(folder: &Path) {
    static CLEARED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if CLEARED.lock().is_ok_and(|mut cleared| cleared.insert(folder.to_owned())) {
        clear(folder);
    }
}

/// Locks what has just been made; false if it was cleared before it could be.
fn is_kept(file: &File, path: &Path) -> bool {
    // Where nothing can be locked, nothing is cleared either.
    let _ = file.lock();
    is_at(file, path)
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(TEMPORARY);
    random.is_some_and(|random| {
        random.len() == N_RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).rand_bytes(N_RANDOM);
    builder
}

fn cannot_write_into(folder: &Path) -> impl Fn(io::Error) -> FileError + '_ {
    |error| FileError::WriteInto { folder: folder.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_left_is_cleared_and_nothing_else_is() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let (file, folder) =
            (temporary_in(place.path()).unwrap(), temporary_folder_in(place.path()).unwrap());
        let stays = [".rome-tmp-abc", ".rome-tmp-abc-ef", ".rome-abcdef", "rome-tmp-abcdef", "a"];
        stays.iter().for_each(|name| fs::write(path(name), "").unwrap());
        std::os::unix::fs::symlink(path("a"), path(".rome-tmp-linked")).unwrap();
        fs::write(path(".rome-tmp-killed"), "half").unwrap();
        fs::create_dir(path(".rome-tmp-Killed")).unwrap();
        fs::write(path(".rome-tmp-Killed/file"), "half").unwrap();

        clear(place.path());
        assert!(!path(".rome-tmp-killed").exists() && !path(".rome-tmp-Killed").exists());
        assert!(file.path().exists() && folder.folder.path().exists(), "these are being written");
        assert!(path(".rome-tmp-linked").is_symlink());
        assert!(stays.iter().all(|name| path(name).exists()), "these are none of ours");
    }

    #[test]
    fn the_first_one_in_a_folder_clears_it() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(".rome-tmp-killed");
        fs::write(&left, "half").unwrap();
        temporary_in(place.path()).unwrap();
        assert!(!left.exists());
    }
}
