//! Turns arguments into the library's inputs: a model, settings, edits and the rest.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Result;
use rome_edit::burn::prelude::Device;
use rome_edit::edits::OtherModel;
use rome_edit::method::EditError;
use rome_edit::method::mass::{MassConfig, MassMethod};
use rome_edit::{
    DeviceName, EditFile, Error, Inputs, Model, NullSpaceBound, Observer, Origin, RomeConfig, Session,
    Settings, StatisticsSource, edits, read_mass_settings, requests, suggest_mass,
};

use crate::args::{DeviceArgs, EditsArgs, InputsArgs, MetricArgs, ModelArgs, SettingsArgs};

impl DeviceArgs {
    /// The device that the user named.
    pub(crate) fn device(&self) -> Result<Device> {
        let info = self.device.find().map_err(Error::from)?;
        if self.device == DeviceName::Auto {
            tracing::info!("computing on {} ({})", info.name, info.model());
        }
        Ok(info.device)
    }
}

impl ModelArgs {
    /// The name of the model, with its revision if one is given.
    fn name(&self) -> Cow<'_, str> {
        match &self.revision {
            Some(revision) => format!("{}@{revision}", self.model).into(),
            None => self.model.as_str().into(),
        }
    }

    /// Loads the model.
    pub(crate) fn load(&self, observer: &mut dyn Observer) -> Result<Model> {
        Ok(Model::load(&self.name(), &self.device.device()?, self.device.dtype, observer)?)
    }
}

impl EditsArgs {
    /// Loads a model and applies the edits, and returns both.
    pub(crate) fn load_edited(
        &self,
        model: &ModelArgs,
        observer: &mut dyn Observer,
    ) -> Result<(Model, EditFile)> {
        let edits = edits::read_all(&self.edits)?;
        let mut model = model.load(observer)?;
        edits::check_model(&edits, model.hash(), other_model(self.force))?;
        edits.apply_unchecked(model.lm_mut()).map_err(Error::from)?;
        Ok((model, edits))
    }
}

/// The treatment of edits for other models that `--force` asks for.
pub(crate) fn other_model(force: bool) -> OtherModel {
    if force { OtherModel::Warn } else { OtherModel::Refuse }
}

impl SettingsArgs {
    /// The settings: flags override a settings file, which overrides published or derived ones.
    pub(crate) fn settings(&self, model: &Model) -> Result<Settings> {
        let mut settings = match &self.hparams {
            Some(path) => Settings::read(path, model)?,
            None => Settings::of(model)?,
        };
        if self.hparams.is_none() && self.layers().is_none() {
            remark(model, &settings);
        }
        let config = settings.config;
        settings.config = RomeConfig {
            layers: self.layers().unwrap_or(config.layers),
            variant: self.variant.unwrap_or(config.variant),
            steps: self.steps.unwrap_or(config.steps),
            learning_rate: self.learning_rate.unwrap_or(config.learning_rate),
            weight_decay: self.weight_decay.unwrap_or(config.weight_decay),
            clamp_norm_factor: self.clamp.unwrap_or(config.clamp_norm_factor),
            kl_factor: self.kl_factor.unwrap_or(config.kl_factor),
            ..config
        };
        settings.config.check(model.lm().shape()).map_err(Error::from)?;
        Ok(settings)
    }

    /// Reads the inputs of edits, then loads a model, and starts a session on it.
    pub(crate) fn session(
        &self,
        model: &ModelArgs,
        inputs: &InputsArgs,
        observer: &mut dyn Observer,
    ) -> Result<Session> {
        let inputs = inputs.inputs()?;
        let model = model.load(observer)?;
        let settings = self.settings(&model)?;
        Ok(Session::new(model, settings, inputs)?)
    }
}

/// Notes the origin of the settings, where the user has not chosen a layer.
fn remark(model: &Model, settings: &Settings) {
    let layer = settings.config.layers[0];
    match Settings::origin(model) {
        Origin::Bundled => {}
        Origin::Published => tracing::info!("using the settings published for this model, layer {layer}"),
        Origin::Borrowed => tracing::info!(
            "using the settings that later work published for this model at layer {layer}, where it used the identity \
             for C (choose with --layer or --hparams)"
        ),
        Origin::ByDepth => {
            let shape = model.lm().shape();
            tracing::info!(
                "no settings are published for a {} of {} layers; using those of other models at layer {layer}, which \
                 follows from the depth (choose with --layer or --hparams)",
                shape.family,
                shape.n_layers
            );
        }
    }
}

impl SettingsArgs {
    /// The settings of a method for many facts: flags override a settings file, which overrides published or
    /// derived ones.
    pub(crate) fn mass(&self, method: MassMethod, args: &MetricArgs, model: &Model) -> Result<MassConfig> {
        let shape = model.lm().shape();
        let config = match &self.hparams {
            Some(path) => read_mass_settings(path, method, model)?,
            None => {
                let (config, origin) = suggest_mass(shape, method);
                if origin == Origin::ByDepth && self.layers().is_none() {
                    tracing::info!(
                        "no settings of {method} are published for a {} of {} layers; using those of other models \
                         (choose with --layer, --weight or --hparams)",
                        shape.family,
                        shape.n_layers
                    );
                }
                config
            }
        };
        let null_space = match (args.threshold, args.nullspace_share) {
            (Some(threshold), _) => NullSpaceBound::Threshold(threshold),
            (None, Some(share)) => NullSpaceBound::TraceShare(share),
            (None, None) => config.null_space,
        };
        let config = MassConfig {
            layers: self.layers().unwrap_or(config.layers),
            steps: self.steps.unwrap_or(config.steps),
            learning_rate: self.learning_rate.unwrap_or(config.learning_rate),
            weight_decay: self.weight_decay.unwrap_or(config.weight_decay),
            clamp_norm_factor: self.clamp.unwrap_or(config.clamp_norm_factor),
            kl_factor: self.kl_factor.unwrap_or(config.kl_factor),
            covariance_weight: args.weight.map_or(config.covariance_weight, |weight| weight.of(shape.d_ff)),
            stop_first: args.stop_first.or(config.stop_first),
            norm_weight: args.norm_weight.unwrap_or(config.norm_weight),
            slack: args.slack.unwrap_or(config.slack),
            ridge: args.ridge.unwrap_or(config.ridge),
            spread: args.spread.unwrap_or(config.spread),
            null_space,
            ..config
        };
        config.check(model.lm()).map_err(EditError::from).map_err(Error::from)?;
        Ok(config)
    }
}

impl InputsArgs {
    /// The inputs that edits are computed from.
    pub(crate) fn inputs(&self) -> Result<Inputs> {
        let kl_prompts = self.preserve.as_deref().map(requests::read_kl_prompts).transpose()?;
        Ok(Inputs {
            contexts: self.contexts.as_deref().map(requests::read_contexts).transpose()?,
            kl_prompts,
            seed: self.seed,
            statistics: statistics(self.stats.as_deref()),
        })
    }
}

/// The statistics that `--stats` names.
pub(crate) fn statistics(stats: Option<&Path>) -> StatisticsSource {
    match stats {
        None => StatisticsSource::Auto,
        Some(path) if path == Path::new("identity") => StatisticsSource::Identity,
        Some(path) => StatisticsSource::Path(path.to_owned()),
    }
}
