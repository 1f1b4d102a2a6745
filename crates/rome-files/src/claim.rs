//! A claim of one process on a path, for a while.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, TryLockError};
use std::path::{Path, PathBuf};

use crate::{FileError, folder_of};

/// The number of tries before giving up: where inodes change by themselves, a file never seems to be where it
/// was opened.
const MOST_TRIES: usize = 16;

/// A place that no other process has until this is dropped, or its process ends. It stands for itself
/// alone: what it is a claim on is for those to agree on who ask for it.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl Claim {
    /// Takes a place, unless another process has it. Where files cannot be locked at all, as on some
    /// file systems of clusters, everybody has it.
    ///
    /// # Errors
    /// [`FileError::InUse`] when one has it, and when nothing can be written there.
    pub fn take(path: &Path) -> Result<Self, FileError> {
        Self::with(path, |file| match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(FileError::InUse(folder_of(path))),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        })
    }

    /// Takes a file that is going to be made, with what is saved of it on the way.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_file(path: &Path) -> Result<Self, FileError> {
        let mut name = OsString::from(".rome-lock-");
        name.push(path.file_name().unwrap_or_default());
        match Self::take(&path.with_file_name(name)) {
            Err(FileError::InUse(_)) => Err(FileError::InUse(path.to_owned())),
            claim => claim,
        }
    }

    /// Takes a folder that is going to be filled, or a part of it by the part's name; an empty name is all of
    /// it.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_folder(folder: &Path, part: &str) -> Result<Self, FileError> {
        Self::take(&folder.join(format!(".rome-lock{part}")))
    }

    /// Takes a place as soon as no other process has it.
    ///
    /// # Errors
    /// [`FileError::NoLocks`] where files cannot be locked, and when nothing can be written there.
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        Self::with(path, |file| {
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                tracing::info!("waiting for another process that uses {}", folder_of(path).display());
            }
            file.lock().map_err(|error| FileError::NoLocks { path: path.to_owned(), error })
        })
    }

    /// Takes a place as soon as no other process has it, or at once where files cannot be locked.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn wait_if_it_can_be(path: &Path) -> Result<Option<Self>, FileError> {
        match Self::wait(path) {
            Err(FileError::NoLocks { .. }) => Ok(None),
            claim => Ok(Some(claim?)),
        }
    }

    /// Leaves its file there when it ends: a file that is never removed is the same one for all, also
    /// for machines that see it through a network.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    fn with(path: &Path, lock: impl Fn(&File) -> Result<(), FileError>) -> Result<Self, FileError> {
        let failed = |error| FileError::Write { path: path.to_owned(), error };
        let mut n_tries = 0;
        loop {
            // A link would be followed, and a pipe waited for.
            if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
                return Err(FileError::NoFile(path.to_owned()));
            }
            let file = File::options().create(true).truncate(false).write(true).open(path);
            // That of another user can be locked all the same.
            let file = file.or_else(|error| File::open(path).map_err(|_| error)).map_err(failed)?;
            lock(&file)?;
            // The one who had it may have removed this file, and a third one may have made it again.
            if !is_removed(&file) {
                n_tries += 1;
                if is_at(&file, path) || n_tries == MOST_TRIES {
                    return Ok(Self { path: path.to_owned(), file, is_kept: false });
                }
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let is_ours =
            || self.file.metadata().is_ok_and(|file| file.len() == 0) && is_at(&self.file, &self.path);
        if !self.is_kept && is_ours() {
            // Left behind, it does no harm: nobody has it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// True if a file that is open is the one that a path leads to.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let there = path.symlink_metadata();
    there.is_ok_and(|there| file.metadata().is_ok_and(|open| is_same(&open, &there)))
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// True if a file that is open is in no folder any more.
#[cfg(unix)]
fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|file| file.nlink() == 0)
}

#[cfg(not(unix))]
fn is_removed(_: &File) -> bool {
    false
}

/// Elsewhere a file that is removed is there until it is closed, and cannot be opened.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_of_one_at_a_time_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let claim = Claim::take(&path).unwrap();
        let error = Claim::take(&path).unwrap_err();
        assert!(matches!(&error, FileError::InUse(at) if at == folder.path()), "{error}");
        drop(claim);
        assert!(!path.exists(), "nothing is left behind");
        // What a process that was killed has left behind is nobody's.
        fs::write(&path, "").unwrap();
        drop(Claim::take(&path).unwrap().kept());
        assert!(path.exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "notes").unwrap();
        drop(Claim::take(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"notes");
        // The one that another has made again is the other's.
        fs::write(&path, "").unwrap();
        let ours = Claim::take(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let theirs = Claim::take(&path).unwrap();
        drop(ours);
        assert!(matches!(Claim::take(&path), Err(FileError::InUse(_))));
        drop(theirs);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed_nor_a_folder_taken() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["lock", "other"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(Claim::take(&path), Err(FileError::NoFile(_))));
        assert!(matches!(Claim::wait(&path), Err(FileError::NoFile(_))));
        assert!(!other.exists());
        fs::create_dir(&other).unwrap();
        assert!(matches!(Claim::take(&other), Err(FileError::NoFile(_))));
    }

    #[test]
    fn many_that_wait_have_it_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let [path, count] = ["lock", "count"].map(|name| folder.path().join(name));
        fs::write(&count, "0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _claim = Claim::wait(&path).unwrap();
                        let n: usize = fs::read_to_string(&count).unwrap().parse().unwrap();
                        fs::write(&count, (n + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_to_string(&count).unwrap(), "400", "none came between");
    }
}
