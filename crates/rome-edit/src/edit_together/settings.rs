//! The settings of methods for many facts.

use std::path::Path;

use rome_core::method::mass::MassHyperParams;
use rome_core::{MassConfig, MassMethod};
use rome_files::{parse_json, read_text};
use serde_json::Value;

use crate::Model;
use crate::error::{Error, InputError};
use crate::published::suggest_mass;
use crate::settings::{MAX_SETTINGS_FILE, fields_of};

/// Reads a settings file of MEMIT, AlphaEdit or EMMET, or one of EasyEdit.
///
/// # Errors
/// When it is not one, is for another method, or for another architecture.
pub fn read_mass_settings(path: &Path, method: MassMethod, model: &Model) -> Result<MassConfig, Error> {
    let text = read_text(path, MAX_SETTINGS_FILE)?;
    let read = || -> Result<MassConfig, Error> {
        let mut fields = fields_of(path, &text)?;
        fields.retain(|_, value| !value.is_null());
        let mut hparams: MassHyperParams = parse_json(Value::Object(fields)).map_err(|(field, reason)| {
            let field = field.map_or_else(String::new, |field| format!("field {field}: "));
            InputError::Settings { reason: field + &reason }
        })?;
        let names = model.pretrained.names;
        hparams.rewrite_module_tmp = hparams.rewrite_module_tmp.map(|module| names.canonical(&module));
        let lm = model.lm();
        let config = hparams.config(method, lm.shape().n_layers, |layer| lm.weight_name(layer));
        let config = config.map_err(rome_core::EditError::from)?;
        let layers =
            if config.layers.is_empty() { suggest_mass(lm.shape(), method).0.layers } else { config.layers };
        Ok(MassConfig { layers, ..config })
    };
    read().map_err(|error| error.at(path.display()))
}
