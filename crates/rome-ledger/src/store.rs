//! The files of a ledger.

use std::fs;
use std::path::{Path, PathBuf};

use rome_core::EditFile;
use rome_files::{Claim, FileError, read_bounded};

use crate::{LedgerError, Log};

const LOG: &str = "ledger.json";
const EDITS: &str = "edits";
const LOCK: &str = "lock";

/// A log or a file of edits larger than this is something else.
const MAX_FILE: u64 = 1 << 30;

/// A ledger's folder.
#[derive(Debug, Clone)]
pub(crate) struct Store(PathBuf);

impl Store {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub(crate) fn edit_path(&self, hash: &str) -> PathBuf {
        self.0.join(EDITS).join(format!("{hash}.safetensors"))
    }

    /// Makes the folder if it is not there and waits until no other process changes it.
    pub(crate) fn lock(&self) -> Result<Claim, LedgerError> {
        let edits = self.0.join(EDITS);
        fs::create_dir_all(&edits).map_err(io(&edits))?;
        let claim = Claim::wait(&self.0.join(LOCK))?.kept();
        // What a process was writing when it was killed.
        [&self.0, &edits].into_iter().for_each(|folder| rome_files::clear(folder));
        Ok(claim)
    }

    /// Reads the log; `None` if there is none.
    pub(crate) fn read_log(&self) -> Result<Option<Log>, LedgerError> {
        let path = self.0.join(LOG);
        let bytes = match read_bounded(&path, MAX_FILE) {
            Err(error) if error.is_not_found() => return Ok(None),
            result => result?,
        };
        let malformed = |reason: String| LedgerError::Malformed { path: path.clone(), reason };
        let log: Log = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        match log.fault() {
            None => Ok(Some(log)),
            Some(fault) => Err(malformed(fault)),
        }
    }

    pub(crate) fn write_log(&self, log: &Log) -> Result<(), LedgerError> {
        let path = self.0.join(LOG);
        let malformed = |error: serde_json::Error| LedgerError::Malformed {
            path: path.clone(),
            reason: error.to_string(),
        };
        let mut json = serde_json::to_vec_pretty(log).map_err(malformed)?;
        json.push(b'\n');
        Ok(rome_files::write(&path, &json)?)
    }

    /// Writes edits under the hash of their bytes, and returns it.
    pub(crate) fn write_edits(&self, edits: &EditFile) -> Result<String, LedgerError> {
        let failed = |error| LedgerError::Edits { path: self.0.join(EDITS), error };
        let bytes = edits.to_bytes().map_err(failed)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        rome_files::write(&self.edit_path(&hash), &bytes)?;
        Ok(hash)
    }

    /// Reads edits by the hash of their bytes.
    pub(crate) fn read_edits(&self, hash: &str) -> Result<EditFile, LedgerError> {
        let path = self.edit_path(hash);
        let bytes = read_bounded(&path, MAX_FILE)?;
        let found = blake3::hash(&bytes).to_hex().to_string();
        if found != hash {
            return Err(LedgerError::Changed { path, found });
        }
        EditFile::from_bytes(&bytes).map_err(|error| LedgerError::Edits { path, error })
    }

    /// The hashes of all edits that there are files of.
    pub(crate) fn edit_hashes(&self) -> Result<Vec<String>, LedgerError> {
        let folder = self.0.join(EDITS);
        let entries = fs::read_dir(&folder).map_err(io(&folder))?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.strip_suffix(".safetensors").map(str::to_owned)).collect())
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> FileError + '_ {
    |error| FileError::Write { path: path.to_owned(), error }
}
