//! The files of a ledger.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rome_core::EditFile;

use crate::{LedgerError, Log};

const LOG: &str = "ledger.json";
const EDITS: &str = "edits";
const LOCK: &str = "lock";
/// What files are called while they are written.
const TEMPORARY: &str = ".ledger-";

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
    pub(crate) fn lock(&self) -> Result<File, LedgerError> {
        let edits = self.0.join(EDITS);
        fs::create_dir_all(&edits).map_err(io(&edits))?;
        let path = self.0.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
        lock.lock().map_err(io(&path))?;
        // What a process was writing when it was killed: nobody else is writing now.
        for folder in [&self.0, &edits] {
            for entry in fs::read_dir(folder).map_err(io(folder))?.flatten() {
                if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        Ok(lock)
    }

    /// Reads the log; `None` if there is none.
    pub(crate) fn read_log(&self) -> Result<Option<Log>, LedgerError> {
        let path = self.0.join(LOG);
        let bytes = match read(&path) {
            Err(LedgerError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
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
        write(&path, &json)
    }

    /// Writes edits under the hash of their bytes, and returns it.
    pub(crate) fn write_edits(&self, edits: &EditFile) -> Result<String, LedgerError> {
        let failed = |error| LedgerError::Edits { path: self.0.join(EDITS), error };
        let bytes = edits.to_bytes().map_err(failed)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        write(&self.edit_path(&hash), &bytes)?;
        Ok(hash)
    }

    /// Reads edits by the hash of their bytes.
    pub(crate) fn read_edits(&self, hash: &str) -> Result<EditFile, LedgerError> {
        let path = self.edit_path(hash);
        let bytes = read(&path)?;
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

fn read(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io(path))?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io(path))?;
    match bytes.len() as u64 > MAX_FILE {
        true => Err(io(path)(std::io::Error::other("it is larger than any such file is"))),
        false => Ok(bytes),
    }
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What the user's mask leaves of it; a temporary file is private by default.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(io(path))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io(path))?;
    file.persist(path).map_err(|error| io(path)(error.error))?;
    Ok(())
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> LedgerError + '_ {
    |error| LedgerError::Io { path: path.to_owned(), error }
}
