//! One folder.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::file::check_writable;
use crate::temporary::{TemporaryFolder, temporary_folder_in};
use crate::{FileError, folder_of};

/// Makes a folder for files, in one that exists, and checks that they can be written there.
///
/// # Errors
/// When it cannot be made or may not be written to, or there is something else.
pub fn make_folder(folder: &Path) -> Result<(), FileError> {
    if !folder.exists() {
        check_writable(folder)?;
        fs::create_dir(folder).map_err(|error| FileError::Write { path: folder.to_owned(), error })?;
    }
    if !folder.is_dir() {
        return Err(FileError::NotAFolder(folder.to_owned()));
    }
    check_writable(&folder.join("file"))
}

/// A folder being filled: a temporary one beside its place, renamed when it is
/// [finished](Self::finish) and gone if it is not.
pub struct NewFolder {
    temporary: TemporaryFolder,
    place: PathBuf,
}

impl NewFolder {
    /// Starts a folder that shall be at `place`.
    ///
    /// # Errors
    /// [`FileError::Occupied`] when there is something but an empty folder, and when nothing can be
    /// written beside it.
    pub fn at(place: &Path) -> Result<Self, FileError> {
        if place.symlink_metadata().is_ok() {
            let mut entries = fs::read_dir(place).map_err(|_| FileError::Occupied(place.to_owned()))?;
            if place.is_symlink() || entries.next().is_some() {
                return Err(FileError::Occupied(place.to_owned()));
            }
        }
        let beside = folder_of(place);
        let temporary = temporary_folder_in(&beside)?;
        Ok(Self { temporary, place: place.to_owned() })
    }

    /// The path of a file in it, for now.
    pub fn path(&self, file: &str) -> PathBuf {
        self.temporary.folder.path().join(file)
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// [`FileError::Write`] when it cannot be written.
    pub fn write(&self, file: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(file);
        fs::write(&path, bytes).map_err(|error| FileError::Write { path: self.place.join(file), error })
    }

    /// Puts the folder in its place, its files safe on the disk.
    ///
    /// # Errors
    /// [`FileError::Write`] when it cannot be renamed.
    pub fn finish(self) -> Result<(), FileError> {
        let io = |error| FileError::Write { path: self.place.clone(), error };
        for entry in fs::read_dir(self.temporary.folder.path()).map_err(io)? {
            let file = entry.and_then(|entry| File::open(entry.path()));
            file.and_then(|file| file.sync_all()).map_err(io)?;
        }
        // Renaming replaces an empty folder, and on some systems none at all.
        #[cfg(windows)]
        let _ = fs::remove_dir(&self.place);
        fs::rename(self.temporary.folder.path(), &self.place).map_err(|error| match error.kind() {
            // Another process has put its own there meanwhile.
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
                FileError::Occupied(self.place.clone())
            }
            _ => io(error),
        })?;
        // The folder has moved away from under it.
        let _ = self.temporary.folder.keep();
        Ok(())
    }
}
