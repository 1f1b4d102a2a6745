//! The settings of an edit: those of a file over what is published or suggested.

use std::path::Path;

use rome_core::{HyperParams, RomeConfig};
use rome_files::read_bounded;

use crate::Model;
use crate::error::{Error, InputError};
use crate::published::{Origin, suggest};

const MAX_SETTINGS_FILE: u64 = 1 << 20;

/// Settings as meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The settings of an edit.
    pub config: RomeConfig,
    /// True if C is used, or the identity in its place.
    pub use_statistics: bool,
    /// Lengths and counts of the sampled contexts.
    pub context_lengths: Vec<(usize, usize)>,
}

impl Settings {
    /// The settings for a model: those that it is bundled with, those published for its size, or
    /// what these suggest.
    ///
    /// # Errors
    /// When bundled settings are not of this model.
    pub fn of(model: &Model) -> Result<Self, Error> {
        match model.bundled {
            Some(bundled) => Self::parse(bundled.hparams, model),
            None => Ok(Self::suggested(model)),
        }
    }

    /// Reads a settings file of the reference, `hparams/ROME/*.json`.
    ///
    /// # Errors
    /// When it is not one, or is for another architecture.
    pub fn read(path: &Path, model: &Model) -> Result<Self, Error> {
        let bytes = read_bounded(path, MAX_SETTINGS_FILE)?;
        Self::parse(&bytes, model).map_err(|error| error.at(path.display()))
    }

    fn parse(json: &[u8], model: &Model) -> Result<Self, Error> {
        let hparams: HyperParams = serde_json::from_slice(json)
            .map_err(|error| InputError::Settings { reason: error.to_string() })?;
        Ok(Self {
            config: hparams.config(|layer| model.lm().weight_name(layer))?,
            use_statistics: hparams.mom2_adjustment,
            context_lengths: hparams.context_template_length_params,
        })
    }

    fn suggested(model: &Model) -> Self {
        let (config, _) = suggest(model.lm().shape());
        Self { config, use_statistics: true, context_lengths: rome_core::request::DEFAULT_LENGTHS.to_vec() }
    }

    /// The origin of a model's default settings.
    pub fn origin(model: &Model) -> Origin {
        match model.bundled {
            Some(_) => Origin::Bundled,
            None => suggest(model.lm().shape()).1,
        }
    }
}
