//! The source of a model's files.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek};
use std::path::PathBuf;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::ModelError;

/// Files named and held in memory, as those compiled into a program are.
pub type Embedded = &'static [(&'static str, &'static [u8])];

/// The source of a model's files.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder in Hugging Face form.
    Folder(PathBuf),
    /// Files held in memory, with a name for messages.
    Embedded(&'static str, Embedded),
}

/// Bytes that can be read from any place.
pub trait ReadSeek: Read + Seek + Send {
    /// When the bytes were last changed, if they can be and it is known.
    fn modified(&self) -> Option<SystemTime>;
}

impl ReadSeek for File {
    fn modified(&self) -> Option<SystemTime> {
        self.metadata().ok()?.modified().ok()
    }
}

impl ReadSeek for Cursor<&'static [u8]> {
    fn modified(&self) -> Option<SystemTime> {
        None
    }
}

impl Source {
    /// The name of the source in messages.
    pub fn name(&self) -> String {
        match self {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Embedded(name, _) => (*name).to_owned(),
        }
    }

    /// Returns the first of `names` that the source has.
    pub fn find<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| match self {
            Source::Folder(folder) => folder.join(name).is_file(),
            Source::Embedded(_, files) => files.iter().any(|(file, _)| file == name),
        })
    }

    /// The repository and the commit of a model in the hub's cache, as `owner/model@commit`.
    pub fn hub_commit(&self) -> Option<String> {
        let Source::Folder(folder) = self else { return None };
        let mut parts = folder.iter().rev().map(|part| part.to_str());
        let (commit, snapshots, repo) = (parts.next()??, parts.next()??, parts.next()??);
        let repo = repo.strip_prefix("models--").filter(|_| snapshots == "snapshots")?;
        Some(format!("{}@{commit}", repo.replacen("--", "/", 1)))
    }

    /// The names of the source's files.
    pub(crate) fn files(&self) -> Vec<String> {
        match self {
            Source::Folder(folder) => {
                let entries = fs::read_dir(folder).into_iter().flatten().flatten();
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            }
            Source::Embedded(_, files) => files.iter().map(|(name, _)| (*name).to_owned()).collect(),
        }
    }

    /// Opens a file of the source.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn open(&self, file: &str) -> Result<Box<dyn ReadSeek>, ModelError> {
        if let Source::Embedded(name, files) = self {
            let found = files.iter().find(|(name, _)| *name == file);
            let missing = || ModelError::MissingFile { place: (*name).to_owned(), file: file.to_owned() };
            return Ok(Box::new(Cursor::new(found.ok_or_else(missing)?.1)));
        }
        let path = self.path(file)?;
        match File::open(&path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(ModelError::Io { path, error }),
        }
    }

    /// Reads a file of at most `limit` bytes, as those with settings are.
    ///
    /// # Errors
    /// When it is not there, too long or cannot be read.
    pub fn read(&self, file: &str, limit: u64) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::new();
        let mut reader = self.open(file)?.take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|error| ModelError::Io { path: file.into(), error })?;
        if bytes.len() as u64 > limit {
            let reason = format!("longer than {limit} bytes, which no such file is");
            return Err(ModelError::Malformed { file: file.to_owned(), reason });
        }
        Ok(bytes)
    }

    /// Reads a file of JSON of at most `limit` bytes, if the source has it.
    ///
    /// # Errors
    /// When it is too long, cannot be read, or holds something else.
    pub(crate) fn read_json<T: DeserializeOwned>(
        &self,
        file: &str,
        limit: u64,
    ) -> Result<Option<T>, ModelError> {
        if self.find(&[file]).is_none() {
            return Ok(None);
        }
        let read = serde_json::from_slice(&self.read(file, limit)?);
        read.map(Some).map_err(|error| ModelError::malformed(file, error))
    }

    /// Returns the path of a file.
    ///
    /// # Errors
    /// When it is not there, or is held in memory.
    pub fn path(&self, file: &str) -> Result<PathBuf, ModelError> {
        match self {
            Source::Folder(folder) => match fs::metadata(folder.join(file)) {
                Ok(_) => Ok(folder.join(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(ModelError::MissingFile { place: self.name(), file: file.to_owned() })
                }
                Err(error) => Err(ModelError::Io { path: folder.join(file), error }),
            },
            Source::Embedded(..) => {
                Err(ModelError::MissingFile { place: self.name(), file: file.to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_hub_says_its_commit() {
        let commit = |path: &str| Source::Folder(path.into()).hub_commit();
        let path = "/hub/models--openai-community--gpt2-xl/snapshots/15ea56d";
        assert_eq!(commit(path).as_deref(), Some("openai-community/gpt2-xl@15ea56d"));
        assert_eq!(commit("/models/gpt2-xl"), None);
    }
}
