//! The settings of an edit: those of a file over what is published or suggested.

use std::path::Path;

use rome_core::{EditConfig, HyperParams};
use rome_files::read_bounded;
use rome_models::settings::{Origin, suggest};

use crate::{Model, SessionError};

const MAX_SETTINGS_FILE: u64 = 1 << 20;

/// Settings as meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Those of an edit.
    pub config: EditConfig,
    /// Whether C is used, or the identity in its place.
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
    pub fn of(model: &Model) -> Result<Self, SessionError> {
        match model.bundled {
            Some(bundled) => Self::parse(bundled.hparams, model),
            None => Ok(Self::suggested(model)),
        }
    }

    /// Reads a settings file of the reference, `hparams/ROME/*.json`.
    ///
    /// # Errors
    /// When it is not one, or is for another architecture.
    pub fn read(path: &Path, model: &Model) -> Result<Self, SessionError> {
        let bytes = read_bounded(path, MAX_SETTINGS_FILE)?;
        Self::parse(&bytes, model).map_err(|error| error.at(path.display()))
    }

    fn parse(json: &[u8], model: &Model) -> Result<Self, SessionError> {
        let hparams: HyperParams = serde_json::from_slice(json).map_err(|error| {
            SessionError::new(
                format!("not a settings file of the reference: {error}"),
                "give a file such as hparams/ROME/gpt2-xl.json of kmeng01/rome",
            )
        })?;
        Ok(Self {
            config: hparams.config(|layer| model.causal_lm().weight_name(layer))?,
            use_statistics: hparams.mom2_adjustment,
            context_lengths: hparams.context_template_length_params,
        })
    }

    fn suggested(model: &Model) -> Self {
        let (config, _) = suggest(model.causal_lm().shape());
        Self { config, use_statistics: true, context_lengths: rome_core::context::DEFAULT_LENGTHS.to_vec() }
    }

    /// Says where suggested settings come from, to one who has not chosen a layer; nothing of a
    /// bundled model's own.
    pub fn remark(model: &Model) -> Option<String> {
        let shape = model.causal_lm().shape();
        let (config, origin) = suggest(shape);
        let layer = config.layers[0];
        (model.bundled.is_none()).then(|| match origin {
            Origin::Published => format!("using the settings published for this model, layer {layer}"),
            Origin::ByDepth => format!(
                "no settings are published for a {} of {} layers; using the published ones at layer {layer}, \
                 the same share of the depth (choose with --layer or --hparams)",
                shape.family, shape.n_layers
            ),
        })
    }
}
