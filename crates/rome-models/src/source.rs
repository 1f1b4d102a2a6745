//! Where a model's files come from.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::ModelError;

/// Files named and held in memory, as those compiled into a program are.
pub type Embedded = &'static [(&'static str, &'static [u8])];

/// Where a model's files come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder in Hugging Face form.
    Folder(PathBuf),
    /// Files held in memory, with a name for messages.
    Embedded(&'static str, Embedded),
    /// A model of the Hugging Face hub, fetched into the usual cache.
    #[cfg(feature = "hub")]
    Hub(String),
}

/// Bytes that can be read from any place.
pub trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}

impl Source {
    /// Finds the model that a name means: a folder if there is one, else a name on the hub.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] if it can be neither.
    pub fn resolve(name: &str) -> Result<Self, ModelError> {
        if Path::new(name).is_dir() {
            return Ok(Source::Folder(name.into()));
        }
        #[cfg(feature = "hub")]
        if is_hub_name(name) {
            return Ok(Source::Hub(name.to_owned()));
        }
        Err(ModelError::NotFound { name: name.to_owned() })
    }

    /// How the source is called in messages.
    pub fn name(&self) -> String {
        match self {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Embedded(name, _) => (*name).to_owned(),
            #[cfg(feature = "hub")]
            Source::Hub(name) => name.clone(),
        }
    }

    /// Returns the first of `names` that the source has.
    ///
    /// # Errors
    /// When none is in the hub's cache and the network does not answer.
    pub fn find<'n>(&self, names: &[&'n str]) -> Result<Option<&'n str>, ModelError> {
        match self {
            Source::Folder(folder) => Ok(names.iter().copied().find(|name| folder.join(name).is_file())),
            Source::Embedded(_, files) => {
                Ok(names.iter().copied().find(|name| files.iter().any(|(file, _)| file == name)))
            }
            #[cfg(feature = "hub")]
            Source::Hub(repo) => hub::find(repo, names),
        }
    }

    /// Opens a file of the source.
    ///
    /// # Errors
    /// When it is not there, cannot be read or cannot be fetched.
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
    /// When it is not there, too long, cannot be read or cannot be fetched.
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

    /// Returns the path of a file, fetching it if need be.
    ///
    /// # Errors
    /// When it is not there, cannot be fetched, or is held in memory.
    pub fn path(&self, file: &str) -> Result<PathBuf, ModelError> {
        match self {
            Source::Folder(folder) => match fs::metadata(folder.join(file)) {
                Ok(_) => Ok(folder.join(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(ModelError::MissingFile { place: self.name(), file: file.to_owned() })
                }
                Err(error) => Err(ModelError::Io { path: folder.join(file), error }),
            },
            Source::Embedded(..) => Err(ModelError::MissingFile { place: self.name(), file: file.to_owned() }),
            #[cfg(feature = "hub")]
            Source::Hub(repo) => hub::fetch(repo, file),
        }
    }
}

/// Whether a name has the form `owner/model` (or `model`, as the oldest ones have) and no part
/// that would be a path.
#[cfg(feature = "hub")]
fn is_hub_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    parts.len() == 2 && parts.into_iter().all(is_part)
}

#[cfg(feature = "hub")]
mod hub {
    use std::path::PathBuf;

    use hf_hub::Cache;
    use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};

    use crate::ModelError;

    /// Files in the cache need no network, so they are looked for first.
    pub(super) fn find<'n>(repo: &str, names: &[&'n str]) -> Result<Option<&'n str>, ModelError> {
        let cache = Cache::from_env().model(repo.to_owned());
        if let Some(name) = names.iter().copied().find(|name| cache.get(name).is_some()) {
            return Ok(Some(name));
        }
        let info = api(repo)
            .and_then(|api| api.info())
            .map_err(|error| fetch_error(repo, &names.join(" or "), &error))?;
        Ok(names.iter().copied().find(|name| info.siblings.iter().any(|file| file.rfilename == *name)))
    }

    pub(super) fn fetch(repo: &str, file: &str) -> Result<PathBuf, ModelError> {
        let cache = Cache::from_env().model(repo.to_owned());
        if let Some(path) = cache.get(file) {
            return Ok(path);
        }
        api(repo).and_then(|api| api.download(file)).map_err(|error| fetch_error(repo, file, &error))
    }

    fn api(repo: &str) -> Result<ApiRepo, ApiError> {
        Ok(ApiBuilder::from_env().with_progress(false).build()?.model(repo.to_owned()))
    }

    fn fetch_error(repo: &str, file: &str, error: &ApiError) -> ModelError {
        ModelError::Fetch { name: repo.to_owned(), file: file.to_owned(), reason: error.to_string() }
    }
}

#[cfg(all(test, feature = "hub"))]
mod tests {
    use super::*;

    #[test]
    fn hub_names_are_told_from_paths() {
        assert!(is_hub_name("openai-community/gpt2-xl"));
        assert!(is_hub_name("EleutherAI/gpt-j-6b"));
        for path in ["./gpt2", "../gpt2", "/models/gpt2", "a/b/c", "models\\gpt2", "gpt2", "x/.."] {
            assert!(!is_hub_name(path), "{path}");
        }
    }
}
