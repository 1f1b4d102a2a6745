//! The source that a name means.

use std::path::Path;

use rome_core::Observer;

use crate::{ModelError, Source};

impl Source {
    /// Finds the model that a name means: a folder if there is one, else a model of the Hugging Face hub,
    /// `owner/model` or a short name such as `gpt2-xl`, at a revision after an `@`. Its files are fetched into
    /// the cache that Python's tools share, unless they are there.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] if it can be neither, [`ModelError::Fetch`] if a file is not in
    /// the cache and the network does not give it.
    pub fn resolve(name: &str, observer: &mut dyn Observer) -> Result<Self, ModelError> {
        if Path::new(name).is_dir() {
            return Ok(Source::Folder(name.into()));
        }
        if Path::new(name).is_file() {
            return Err(ModelError::File { name: name.to_owned() });
        }
        #[cfg(feature = "hub")]
        if let Some(name) = crate::hub_name::HubName::parse(name) {
            return crate::hub::fetch(&name, observer).map(Source::Folder);
        }
        #[cfg(not(feature = "hub"))]
        let _ = observer;
        Err(ModelError::NotFound { name: name.to_owned() })
    }
}
