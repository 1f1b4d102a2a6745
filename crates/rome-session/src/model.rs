//! Models by name.

use burn::prelude::Device;
use rome_assets::Bundled;
use rome_core::{CausalLm, Precision};
use rome_models::progress::Progress;
use rome_models::{ModelError, Pretrained, Source};

use crate::SessionError;

/// A name as like to another as this is a slip of the finger.
const ALIKE: f64 = 0.8;

/// A model and what is known of it.
pub struct Model {
    /// As the user named it.
    pub name: String,
    /// The model itself, with its tokenizer and its hash.
    pub pretrained: Pretrained,
    /// What its matrices are held in.
    pub precision: Precision,
    /// The bundled model that it is, by its bytes, whatever its name.
    pub bundled: Option<&'static Bundled>,
}

impl Model {
    /// Loads a model: a bundled one, a folder in Hugging Face form, or one of the hub.
    ///
    /// # Errors
    /// When there is none of that name, or its files make no model.
    pub fn load(
        name: &str,
        device: &Device,
        precision: Precision,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, SessionError> {
        let source = source(name, on_progress)?;
        let pretrained =
            Pretrained::from_source(&source, device, precision, &mut |progress| on_progress(progress))
                .map_err(|error| {
                    SessionError::from(error).at(format_args!("failed to load the model {name:?}"))
                })?;
        tracing::debug!("model {name:?}: {}, hash {}", source.name(), pretrained.hash);
        let bundled = rome_assets::ALL.into_iter().find(|bundled| bundled.hash == pretrained.hash);
        Ok(Self { name: name.to_owned(), pretrained, precision, bundled })
    }

    /// The model itself.
    pub fn causal_lm(&self) -> &dyn CausalLm {
        self.pretrained.model.as_ref()
    }
}

/// Where the files of a model are, by the name that a user gives it.
///
/// # Errors
/// When there is none of that name.
pub fn source(name: &str, on_progress: &mut dyn FnMut(Progress<'_>)) -> Result<Source, SessionError> {
    if let Some(bundled) = rome_assets::bundled(name) {
        return Ok(Source::Embedded(bundled.name, bundled.files));
    }
    let resolved = Source::resolve(name, &mut |progress| on_progress(progress));
    let likeness = |bundled: &&str| strsim::jaro_winkler(bundled, name);
    let names = rome_assets::ALL.map(|bundled| bundled.name).into_iter();
    match (resolved, names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))) {
        (Err(error @ ModelError::NotFound { .. }), Some(bundled)) if likeness(&bundled) > ALIKE => {
            Err(SessionError::new(error.to_string(), format!("did you mean {bundled}?")))
        }
        (resolved, _) => Ok(resolved?),
    }
}
