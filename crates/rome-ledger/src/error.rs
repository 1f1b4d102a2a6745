//! Why a ledger cannot be read or changed.

use std::path::PathBuf;

use rome_core::edit_file::EditFileError;
use rome_files::FileError;
use thiserror::Error;

/// Why a ledger cannot be read or changed.
#[derive(Debug, Error)]
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
        /// What is wrong with it.
        reason: String,
    },
    /// A file of edits cannot be used.
    #[error("{}: {error}", .path.display())]
    Edits {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: EditFileError,
    },
    /// The bytes of an edit have changed.
    #[error("{} is not what was recorded: its hash is {found}", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The hash of its bytes.
        found: String,
    },
    /// Edits that were made for another model.
    #[error("the edits are for the model {}…, and this ledger's is {}…", .made_for.get(..12).unwrap_or(.made_for), .ledger.get(..12).unwrap_or(.ledger))]
    OtherModel {
        /// The hash that the edits name.
        made_for: String,
        /// The hash of the ledger's model.
        ledger: String,
    },
    /// There is no such entry.
    #[error("there is no entry {number}: the log has {n_entries}, counted from 1")]
    NoSuchEntry {
        /// The number asked for.
        number: usize,
        /// How many there are.
        n_entries: usize,
    },
    /// An entry has nothing that is on.
    #[error("entry {number} has no edits that are on: {state}")]
    NotOn {
        /// The number asked for.
        number: usize,
        /// Why not.
        state: &'static str,
    },
    /// These very edits are on already.
    #[error("these edits are on already, as entry {number}")]
    AlreadyOn {
        /// The entry.
        number: usize,
    },
}

impl LedgerError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "start one with rome ledger apply, or name it with --ledger",
            Self::File(error) => error.hint(),
            Self::Malformed { .. } => {
                "put the file back from a copy: rome writes it as a whole or not at all"
            }
            Self::Edits { error, .. } => error.hint(),
            Self::Changed { .. } => {
                "put the file back from a copy, or take its entry out with rome ledger undo"
            }
            Self::OtherModel { .. } => "keep a ledger for each model",
            Self::NoSuchEntry { .. } | Self::NotOn { .. } => "see rome ledger log for the numbers",
            Self::AlreadyOn { .. } => "to apply edits twice as strongly, see rome edit scale",
        }
    }
}
