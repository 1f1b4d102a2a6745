//! What is one process's alone for a while.

use std::fs::{self, File, Metadata, TryLockError};
use std::path::{Path, PathBuf};

use crate::{FileError, folder_of};

/// A place that no other process has until this is dropped, or its process ends. It stands for itself
/// alone: what it is a claim on is for those to agree on who ask for it.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _file: File,
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

    /// Takes a place as soon as no other process has it.
    ///
    /// # Errors
    /// When nothing can be written or locked there.
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        Self::with(path, |file| {
            file.lock().map_err(|error| FileError::Write { path: path.to_owned(), error })
        })
    }

    fn with(path: &Path, lock: impl Fn(&File) -> Result<(), FileError>) -> Result<Self, FileError> {
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(path);
            let file = file.map_err(|error| FileError::Write { path: path.to_owned(), error })?;
            lock(&file)?;
            // The one who had it may have removed this file, and a third one may have made it anew.
            if is_at(&file, path) {
                return Ok(Self { path: path.to_owned(), _file: file });
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Left behind, it does no harm: nobody has it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a file that is open is the one that a path leads to.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let there = path.symlink_metadata();
    there.is_ok_and(|there| file.metadata().is_ok_and(|open| is_same(&open, &there)))
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
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
        drop(Claim::take(&path).unwrap());
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
