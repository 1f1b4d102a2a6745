//! The choices for a session.

use std::path::PathBuf;

use burn::prelude::Device;
use rome_core::{Context, KlPrompt, Observer, Precision, RomeConfig};
use rome_device::DeviceName;

use crate::{Error, Inputs, Model, Session, Settings, StatisticsSource};

type Configure = Box<dyn FnOnce(&mut RomeConfig)>;

/// The choices for a session: [`open`](Self::open) makes it.
#[must_use]
pub struct SessionBuilder {
    name: String,
    device: Option<Device>,
    precision: Precision,
    hparams: Option<PathBuf>,
    configure: Vec<Configure>,
    inputs: Inputs,
}

impl Session {
    /// Opens a model by its name, with all else as it is by default: see
    /// [`builder`](Self::builder) for other choices.
    ///
    /// # Errors
    /// As [`SessionBuilder::open`].
    pub fn open(name: &str) -> Result<Self, Error> {
        Self::builder(name).open()
    }

    /// Chooses how a model is opened: a bundled one, a folder in Hugging Face form, or one of the hub.
    pub fn builder(name: &str) -> SessionBuilder {
        SessionBuilder::new(name)
    }
}

impl SessionBuilder {
    /// Chooses a model by its name, with all else as it is by default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            device: None,
            precision: Precision::F32,
            hparams: None,
            configure: Vec::new(),
            inputs: Inputs::default(),
        }
    }

    /// Computes on this device; the processor by default.
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Holds the model's matrices in this precision; f32 by default.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Takes the settings of a file of the reference, `hparams/ROME/*.json`.
    pub fn hparams(mut self, path: impl Into<PathBuf>) -> Self {
        self.hparams = Some(path.into());
        self
    }

    /// Changes the settings that are published or suggested for the model.
    pub fn configure(mut self, configure: impl FnOnce(&mut RomeConfig) + 'static) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Uses exactly these contexts, rather than sample some.
    pub fn contexts(mut self, contexts: Vec<Context>) -> Self {
        self.inputs.contexts = Some(contexts);
        self
    }

    /// Uses exactly these KL prompts; none turns the KL term off.
    pub fn kl_prompts(mut self, kl_prompts: Vec<KlPrompt>) -> Self {
        self.inputs.kl_prompts = Some(kl_prompts);
        self
    }

    /// Samples contexts by this seed; 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.inputs.seed = seed;
        self
    }

    /// Takes C from here; from the cache or the bundle by default.
    pub fn statistics(mut self, statistics: StatisticsSource) -> Self {
        self.inputs.statistics = statistics;
        self
    }

    /// Loads the model and samples its contexts. Statistics are looked for when they are needed.
    ///
    /// # Errors
    /// When there is no such model, or the settings do not fit it.
    pub fn open(self) -> Result<Session, Error> {
        self.open_with(&mut ())
    }

    /// Does the same, and tells `observer` how far loading is.
    ///
    /// # Errors
    /// As [`open`](Self::open), or when `observer` stops it.
    pub fn open_with(self, observer: &mut dyn Observer) -> Result<Session, Error> {
        let device = match self.device {
            Some(device) => device,
            None => DeviceName::Cpu.find()?.device,
        };
        let model = Model::load(&self.name, &device, self.precision, observer)?;
        let mut settings = match &self.hparams {
            Some(path) => Settings::read(path, &model)?,
            None => Settings::of(&model)?,
        };
        self.configure.into_iter().for_each(|configure| configure(&mut settings.config));
        Session::new(model, settings, self.inputs)
    }
}
