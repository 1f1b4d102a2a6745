//! A model with all that belongs to it.

use burn::prelude::*;
use rome_core::{CausalLm, ModelHash, Observer, Precision};

use crate::config::Config;
use crate::gpt2::Gpt2;
use crate::gptj::GptJ;
use crate::{Checkpoint, ModelError, PretrainedTokenizer, Source};

/// A model, its tokenizer and its identity.
pub struct Pretrained {
    /// The model.
    pub model: Box<dyn CausalLm>,
    /// The tokenizer.
    pub tokenizer: PretrainedTokenizer,
    /// The identity of its weights.
    pub hash: ModelHash,
    /// The token that sequences start with, if the configuration names one.
    pub start_token: Option<u32>,
    /// The token that ends a text, if the configuration names one.
    pub end_token: Option<u32>,
}

impl Pretrained {
    /// Loads a model by its folder or its name on the hub, `owner/model`, in f32.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, malformed or does not fit the others.
    pub fn load(name: &str, device: &Device) -> Result<Self, ModelError> {
        let source = Source::resolve(name, &mut ())?;
        Self::from_source(&source, device, Precision::F32, &mut ())
    }

    /// Loads a model from wherever its files are, its matrices in some precision.
    ///
    /// # Errors
    /// [`ModelError`] when a file is missing, malformed or does not fit the others, or the device
    /// does not compute in this precision.
    pub fn from_source(
        source: &Source,
        device: &Device,
        precision: Precision,
        observer: &mut dyn Observer,
    ) -> Result<Self, ModelError> {
        let config = Config::load(source)?;
        let tokenizer = PretrainedTokenizer::load(source)?;
        let mut checkpoint = Checkpoint::open(source, device, precision, observer)?;
        let model: Box<dyn CausalLm> = match &config {
            Config::Gpt2(config) => Box::new(Gpt2::load(&mut checkpoint, config)?),
            Config::GptJ(config) => Box::new(GptJ::load(&mut checkpoint, config)?),
        };
        Ok(Self {
            model,
            tokenizer,
            hash: checkpoint.finish()?,
            start_token: config.start_token(),
            end_token: config.end_token(),
        })
    }
}
