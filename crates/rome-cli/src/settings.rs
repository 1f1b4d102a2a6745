//! The settings of an edit: flags over a settings file over what is published or suggested.

use anyhow::Result;
use rome_session::{Model, Settings};

use crate::args::SettingsArgs;
use crate::output::note;

/// Settings as the arguments mean them.
pub(crate) fn settings(args: &SettingsArgs, model: &Model) -> Result<Settings> {
    let mut settings = match &args.hparams {
        Some(path) => Settings::read(path, model)?,
        None => {
            if let (None, Some(remark)) = (&args.layer, Settings::remark(model)) {
                note(remark);
            }
            Settings::of(model)?
        }
    };
    fn set<T: Clone>(field: &mut T, value: &Option<T>) {
        if let Some(value) = value {
            *field = value.clone();
        }
    }
    let config = &mut settings.config;
    set(&mut config.layers, &args.layer);
    set(&mut config.variant, &args.variant.map(Into::into));
    set(&mut config.steps, &args.steps);
    set(&mut config.learning_rate, &args.learning_rate);
    set(&mut config.weight_decay, &args.weight_decay);
    set(&mut config.clamp_norm_factor, &args.clamp);
    set(&mut config.kl_factor, &args.kl_factor);
    settings.config.check(model.causal_lm().shape())?;
    Ok(settings)
}
