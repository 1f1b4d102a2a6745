//! Why a ledger cannot be read or changed.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::edit::EditFileError;
use rome_core::{ErrorKind, Hint, ModelHash};
use rome_files::FileError;
use thiserror::Error;

/// Why a ledger cannot be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no ledger.
    #[error("{} is not a ledger: it has no ledger.json", .0.display())]
    NotFound(PathBuf),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log makes no sense.
    #[error("{}: {reason}", .path.display())]
    Malformed {
        /// The log.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A file of edits cannot be used.
    #[error("{}: {error}", .path.display())]
    Edits {
        /// The file.
        path: PathBuf,
        /// The fault.
        #[source]
        error: EditFileError,
    },
    /// The bytes of an edit have changed.
    #[error("{} differs from the record: its hash is {found}", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The hash of its bytes.
        found: String,
    },
    /// Edits that were made for another model.
    #[error("the edits are for the model {}…, and this ledger's is {}…", .made_for.short(), .ledger.short())]
    OtherModel {
        /// The hash that the edits name.
        made_for: ModelHash,
        /// The hash of the ledger's model.
        ledger: ModelHash,
    },
    /// There is no such entry.
    #[error("there is no entry {number}: the log has {n_entries}, counted from 1")]
    NoSuchEntry {
        /// The number asked for.
        number: usize,
        /// The number of entries.
        n_entries: usize,
    },
    /// An entry has no active edits.
    #[error("entry {number} has no active edits: {state}")]
    NotOn {
        /// The number asked for.
        number: usize,
        /// Why not.
        state: &'static str,
    },
    /// These edits are already active.
    #[error("these edits are already active, as entry {number}")]
    AlreadyOn {
        /// The entry.
        number: usize,
    },
}

impl Hint for LedgerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoSuchEntry { .. } => ErrorKind::NotFound,
            Self::Edits { error, .. } => error.kind(),
            Self::OtherModel { .. } => ErrorKind::OtherModel,
            Self::File(error) if error.is_not_found() => ErrorKind::NotFound,
            Self::File(_) => ErrorKind::Io,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::NotFound(_) => "start a ledger by applying edits to it",
            Self::File(error) => return error.hint().into(),
            Self::Malformed { .. } => {
                "put the file back from a copy: rome writes it as a whole or not at all"
            }
            Self::Edits { error, .. } => return error.hint(),
            Self::Changed { .. } => "restore the file from a copy, or undo its entry",
            Self::OtherModel { .. } => "keep a ledger for each model",
            Self::NoSuchEntry { .. } | Self::NotOn { .. } => "look up the numbers in the log",
            Self::AlreadyOn { .. } => "scale the edits to apply them twice",
        };
        hint.into()
    }
}
