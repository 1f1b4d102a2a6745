//! Files and folders that are not whole yet.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use tempfile::{Builder, NamedTempFile, TempDir};

use crate::FileError;
use crate::claim::is_at;

/// The beginning of the names of files and folders while they are written. The [kernel](kernel) follows, and
/// so many characters by chance.
const TEMPORARY: &str = ".rome-tmp-";
const N_RANDOM: usize = 6;

/// The number of times that a temporary one is made again after it was cleared at once.
const MOST_TRIES: usize = 16;

/// A folder that is being filled.
pub(crate) struct TemporaryFolder {
    pub(crate) folder: TempDir,
    /// Says that its process lives, where folders can be locked.
    file: Option<File>,
}

/// Makes a temporary file in a folder. It is locked for as long as it is open, by which others know
/// that it is of a process that lives. Before the first one in a folder, those of others are
/// [cleared](clear).
///
/// # Errors
/// When nothing can be written there.
pub fn temporary_in(folder: &Path) -> Result<NamedTempFile, FileError> {
    let is_kept = |file: &NamedTempFile| is_kept(file.as_file(), file.path());
    made_in(folder, 0o666, |builder| builder.tempfile_in(folder), is_kept)
}

/// Makes a temporary folder in a folder, as [`temporary_in`] makes a file.
pub(crate) fn temporary_folder_in(folder: &Path) -> Result<TemporaryFolder, FileError> {
    let make = |builder: &Builder<'_, '_>| {
        let folder = builder.tempdir_in(folder)?;
        Ok(TemporaryFolder { file: File::open(folder.path()).ok(), folder })
    };
    let is_kept =
        |made: &TemporaryFolder| made.file.as_ref().is_none_or(|file| is_kept(file, made.folder.path()));
    made_in(folder, 0o777, make, is_kept)
}

/// Makes something in a folder, with the permissions that the user's mask leaves of a mode: it is private
/// by default. It is made again if it was cleared at once.
fn made_in<T>(
    folder: &Path,
    mode: u32,
    make: impl Fn(&Builder<'_, '_>) -> io::Result<T>,
    is_kept: impl Fn(&T) -> bool,
) -> Result<T, FileError> {
    clear_once(folder);
    let prefix = prefix();
    let mut builder = Builder::new();
    builder.prefix(&prefix).rand_bytes(N_RANDOM);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut n_tries = 0;
    loop {
        n_tries += 1;
        let made =
            make(&builder).map_err(|error| FileError::WriteInto { folder: folder.to_owned(), error })?;
        if is_kept(&made) || n_tries == MOST_TRIES {
            return Ok(made);
        }
    }
}

/// Removes what processes that were killed were writing into a folder. What a process is writing now
/// stays, and so does what cannot be looked at or removed: it does no harm. So does what another machine
/// was writing, or this one before it was started again: of that, no lock says whether its process lives.
pub fn clear(folder: &Path) {
    let Some(kernel) = kernel() else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_what = |is: fn(&fs::FileType) -> bool| entry.file_type().is_ok_and(|kind| is(&kind));
        let (is_file, is_folder) = (is_what(fs::FileType::is_file), is_what(fs::FileType::is_dir));
        if !(is_temporary(&entry.file_name().to_string_lossy(), kernel) && (is_file || is_folder)) {
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

/// The name of the kernel that runs this process, which no other kernel ever has: through a network, files
/// may be locked for one machine alone. None where it has no such name.
fn kernel() -> Option<&'static str> {
    static KERNEL: OnceLock<Option<String>> = OnceLock::new();
    let name = KERNEL.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        id.get(..8).filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())).map(str::to_owned)
    });
    name.as_deref()
}

fn is_temporary(name: &str, kernel: &str) -> bool {
    let random = name.strip_prefix(TEMPORARY).and_then(|rest| rest.strip_prefix(kernel)?.strip_prefix('-'));
    random.is_some_and(|random| {
        random.len() == N_RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The beginning of the names of this process's temporary files.
fn prefix() -> String {
    format!("{TEMPORARY}{}-", kernel().unwrap_or("other"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_cleared_and_nothing_else_is() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let ours = |random: &str| format!("{}{random}", prefix());
        let (file, folder) =
            (temporary_in(place.path()).unwrap(), temporary_folder_in(place.path()).unwrap());
        let others =
            [".rome-tmp-abc", ".rome-tmp-abcdef", ".rome-tmp-01234567-abcdef", "rome-tmp-abcdef", "a"];
        let stays: Vec<String> =
            others.iter().map(|name| (*name).to_owned()).chain([ours("ab-def")]).collect();
        stays.iter().for_each(|name| fs::write(path(name), "").unwrap());
        std::os::unix::fs::symlink(path("a"), path(&ours("linked"))).unwrap();
        fs::write(path(&ours("killed")), "half").unwrap();
        fs::create_dir(path(&ours("Killed"))).unwrap();
        fs::write(path(&ours("Killed")).join("file"), "half").unwrap();

        clear(place.path());
        assert!(!path(&ours("killed")).exists() && !path(&ours("Killed")).exists());
        assert!(file.path().exists() && folder.folder.path().exists(), "these are being written");
        assert!(path(&ours("linked")).is_symlink());
        assert!(stays.iter().all(|name| path(name).exists()), "these are of others, or of another machine");
    }

    #[test]
    fn the_first_one_in_a_folder_clears_it() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(format!("{}killed", prefix()));
        fs::write(&left, "half").unwrap();
        temporary_in(place.path()).unwrap();
        assert!(!left.exists());
    }
}
