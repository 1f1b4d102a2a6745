//! The settings of an edit: those of a file over what is published or suggested.

use std::path::Path;

use rome_core::method::rome::HyperParamFields;
use rome_core::{HyperParams, RomeConfig};
use rome_files::{parse_json, read_text};
use serde_json::{Map, Value};

use crate::Model;
use crate::error::{Error, InputError};
use crate::published::{Origin, suggest};
use crate::similar::similar;

pub(crate) const MAX_SETTINGS_FILE: u64 = 1 << 20;

/// A name as like to another as this is a slip of the finger.
const ALIKE: f64 = 0.85;

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
            Some(bundled) => Self::of_fields(from_json(bundled.hparams)?, model),
            None => Ok(Self::suggested(model)),
        }
    }

    /// Reads a settings file of the reference, `hparams/ROME/*.json`, or one of EasyEdit, `hparams/ROME/*.yaml`.
    ///
    /// # Errors
    /// When it is not one, is for another method, or for another architecture.
    pub fn read(path: &Path, model: &Model) -> Result<Self, Error> {
        let text = read_text(path, MAX_SETTINGS_FILE)?;
        let parsed = fields_of(path, &text);
        parsed.and_then(|fields| Self::of_fields(fields, model)).map_err(|error| error.at(path.display()))
    }

    fn of_fields(fields: Map<String, Value>, model: &Model) -> Result<Self, Error> {
        let HyperParamFields { fields, unknown } = HyperParamFields::new(fields)?;
        for name in unknown {
            let similar = similar(&name, HyperParams::FIELDS, ALIKE);
            let similar = similar.map_or_else(String::new, |similar| format!("; did you mean {similar:?}?"));
            tracing::warn!("the setting {name:?} means nothing to ROME and is ignored{similar}");
        }
        let mut hparams: HyperParams = parse_json(Value::Object(fields)).map_err(|(field, reason)| {
            let field = field.map_or_else(String::new, |field| format!("field {field}: "));
            InputError::Settings { reason: field + &reason }
        })?;
        // Models with towers for images have their language model under other names in memory and on disk.
        let names = model.pretrained.names;
        hparams.rewrite_module_tmp = hparams.rewrite_module_tmp.map(|module| names.canonical(&module));
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

/// The fields of a settings file, as JSON or YAML by its name.
pub(crate) fn fields_of(path: &Path, text: &[u8]) -> Result<Map<String, Value>, Error> {
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_yaml { from_yaml(text) } else { from_json(text) }
}

fn from_json(json: &[u8]) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(json).map_err(|error| InputError::Settings { reason: error.to_string() }.into())
}

fn from_yaml(yaml: &[u8]) -> Result<Map<String, Value>, Error> {
    serde_saphyr::from_slice(yaml).map_err(|error| InputError::Settings { reason: error.to_string() }.into())
}
