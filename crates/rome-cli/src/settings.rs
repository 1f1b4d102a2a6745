//! The settings of an edit: flags over a settings file over what is published or suggested.

use anyhow::{Context, Result};
use rome_core::{EditConfig, HyperParams};
use rome_models::settings::{Origin, suggest};

use crate::args::SettingsArgs;
use crate::error::CliError;
use crate::model::{Model, read_bounded};
use crate::output::note;

const MAX_SETTINGS_FILE: u64 = 1 << 20;

/// Settings as meant.
pub(crate) struct Settings {
    pub(crate) config: EditConfig,
    /// Whether C is used, or the identity in its place.
    pub(crate) use_statistics: bool,
    /// Lengths and counts of the sampled contexts.
    pub(crate) context_lengths: Vec<(usize, usize)>,
}

impl Settings {
    pub(crate) fn new(args: &SettingsArgs, model: &Model) -> Result<Self> {
        let mut settings = match (&args.hparams, model.bundled) {
            (Some(path), _) => {
                let bytes = read_bounded(path, MAX_SETTINGS_FILE)?;
                Self::from_hparams(&bytes, model).with_context(|| path.display().to_string())?
            }
            (None, Some(bundled)) => Self::from_hparams(bundled.hparams, model)?,
            (None, None) => Self::suggested(args, model),
        };
        settings.override_with(args);
        settings.config.check(model.causal_lm().shape())?;
        Ok(settings)
    }

    fn from_hparams(json: &[u8], model: &Model) -> Result<Self> {
        let hparams: HyperParams = serde_json::from_slice(json).map_err(|error| {
            CliError::with_hint(
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

    fn suggested(args: &SettingsArgs, model: &Model) -> Self {
        let shape = model.causal_lm().shape();
        let (config, origin) = suggest(shape);
        if args.layer.is_none() {
            let layer = config.layers[0];
            note(match origin {
                Origin::Published => format!("using the settings published for this model, layer {layer}"),
                Origin::ByDepth => format!(
                    "no settings are published for a {} of {} layers; using the published ones at layer {layer}, \
                     the same share of the depth (choose with --layer or --hparams)",
                    shape.family, shape.n_layers
                ),
            });
        }
        Self { config, use_statistics: true, context_lengths: rome_core::context::DEFAULT_LENGTHS.to_vec() }
    }

    fn override_with(&mut self, args: &SettingsArgs) {
        fn set<T: Clone>(field: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                *field = value.clone();
            }
        }
        let config = &mut self.config;
        set(&mut config.layers, &args.layer);
        set(&mut config.variant, &args.variant.map(Into::into));
        set(&mut config.steps, &args.steps);
        set(&mut config.learning_rate, &args.learning_rate);
        set(&mut config.weight_decay, &args.weight_decay);
        set(&mut config.clamp_norm_factor, &args.clamp);
        set(&mut config.kl_factor, &args.kl_factor);
    }
}
