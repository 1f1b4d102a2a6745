//! Why a file or a folder cannot be read or written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a file or a folder cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// Nothing can be written into a folder.
    #[error("cannot write into {}: {error}", .folder.display())]
    WriteInto {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// A link points nowhere.
    #[error("cannot follow {}: {error}", .link.display())]
    Link {
        /// The link.
        link: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// The folder that a file is to be in is not there.
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// There is something else where a file should be.
    #[error("{} is not a file that can be replaced", .0.display())]
    NotAFile(PathBuf),
    /// There is something else where a folder should be.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// There is something where a folder should be.
    #[error("{} already exists and is not empty", .0.display())]
    Occupied(PathBuf),
    /// There is a link, or something else, where a file of ours should be.
    #[error("{} is not a regular file", .0.display())]
    NoFile(PathBuf),
    /// A file system has no locks, or gives none.
    #[error("cannot lock {}: {error}", .path.display())]
    NoLocks {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// Another process has claimed it.
    #[error("another process is using {}", .0.display())]
    InUse(PathBuf),
}

impl FileError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check that the file exists and is readable",
            Self::TooLarge { .. } => "check that this is the right file",
            Self::Write { .. } | Self::Link { .. } => {
                "check that the path exists, is writable and has free space"
            }
            Self::NoFolder(_) => "create the folder first, or give another path",
            Self::NotAFile(_) => "give the name of a file",
            Self::NotAFolder(_) => "give the name of a folder",
            Self::WriteInto { .. } => "give a path that is writable",
            Self::NoFile(_) => "remove it; rome did not write it",
            Self::NoLocks { .. } => "use a file system with locks, such as a local one",
            Self::InUse(_) => "wait until it ends, or give another path",
            Self::Occupied(_) => "give the name of a new folder",
        }
    }

    /// True if a file is not there at all.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Read { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}
