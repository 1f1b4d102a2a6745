//! Models by name.

use burn::prelude::Device;
use rome_assets::Bundled;
use rome_core::request::TokenError;
use rome_core::{CausalLm, ModelHash, Observer, Precision, Tokenizer};
use rome_models::{CheckpointFiles, ModelError, Pretrained, PretrainedTokenizer, Source};

use crate::error::{Error, InputError};
use crate::similar::similar;

/// A name as like to another as this is a slip of the finger.
const ALIKE: f64 = 0.8;

/// A model and what is known of it.
pub struct Model {
    /// The name that the user gave.
    pub name: String,
    /// The source of its files.
    pub source: Source,
    /// The model itself, with its tokenizer and its hash.
    pub pretrained: Pretrained,
    /// The data type of its matrices.
    pub precision: Precision,
    /// The bundled model that it is, by its bytes, whatever its name.
    pub bundled: Option<&'static Bundled>,
}

impl Model {
    /// Loads a model: a bundled one, a folder in Hugging Face form, or one of the hub.
    ///
    /// # Errors
    /// When there is none of that name, its files make no model, or `observer` stops it.
    pub fn load(
        name: &str,
        device: &Device,
        precision: Precision,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let source = source(name, observer)?;
        let pretrained = Pretrained::from_source(&source, device, precision, observer)
            .map_err(|error| Error::from(error).at(format_args!("failed to load the model {name:?}")))?;
        tracing::debug!("model {name:?}: {}, hash {}", source.name(), pretrained.hash);
        let bundled = rome_assets::ALL.iter().find(|bundled| bundled.hash == pretrained.hash.as_str());
        Ok(Self { name: name.to_owned(), source, pretrained, precision, bundled: bundled.copied() })
    }

    /// The model itself.
    pub fn lm(&self) -> &dyn CausalLm {
        self.pretrained.model.as_ref()
    }

    /// The model itself, to be changed.
    pub fn lm_mut(&mut self) -> &mut dyn CausalLm {
        self.pretrained.model.as_mut()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &PretrainedTokenizer {
        &self.pretrained.tokenizer
    }

    /// Returns the tokens that texts start with: those that the tokenizer puts before them, or else the start token
    /// or an end token of the configuration. Nothing if there is none of these.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn start(&self) -> Result<Vec<u32>, TokenError> {
        let start = self.tokenizer().start()?;
        if !start.is_empty() {
            return Ok(start);
        }
        let Pretrained { start_token, end_tokens, .. } = &self.pretrained;
        Ok(start_token.or(end_tokens.first().copied()).into_iter().collect())
    }

    /// The identity of its weights, without any edit.
    pub fn hash(&self) -> &ModelHash {
        &self.pretrained.hash
    }
}

/// Finds the files of a model by the name that a user gives.
///
/// # Errors
/// When there is none of that name.
pub fn source(name: &str, observer: &mut dyn Observer) -> Result<Source, Error> {
    if let Some(bundled) = rome_assets::bundled(name) {
        return Ok(Source::Embedded(bundled.name, bundled.files));
    }
    let names = rome_assets::ALL.iter().map(|bundled| bundled.name);
    match (Source::resolve(name, observer), similar(name, names, ALIKE)) {
        (Err(ModelError::NotFound { name }), Some(bundled)) => {
            Err(InputError::MisspeltModel { name, bundled }.into())
        }
        (resolved, _) => Ok(resolved?),
    }
}

/// The hash of a model that is not loaded otherwise.
///
/// # Errors
/// When its files make no model, or `observer` stops it.
pub fn hash(source: &Source, observer: &mut dyn Observer) -> Result<ModelHash, Error> {
    Ok(CheckpointFiles::open(source)?.hash(observer)?)
}
