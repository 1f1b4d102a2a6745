//! `config.json`, whose `model_type` says which family it is.

use serde::Deserialize;

use rome_core::ModelShape;

use crate::gpt2::Gpt2Config;
use crate::gptj::GptJConfig;
use crate::layers::Layout;
use crate::sizes::config_error;
use crate::{ModelError, Source};

/// No `config.json` comes near this.
const MAX_CONFIG: u64 = 16 << 20;

/// The configuration of a model of any supported family.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// GPT-2, all sizes.
    Gpt2(Gpt2Config),
    /// GPT-J.
    GptJ(GptJConfig),
}

/// The fields that every family's file has.
#[derive(Deserialize)]
struct Common {
    model_type: Option<String>,
}

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// [`ModelError::Config`] when it is malformed, of another family, or contradicts itself.
    pub fn parse(json: &[u8]) -> Result<Self, ModelError> {
        let common: Common = read(json)?;
        match common.model_type.as_deref() {
            Some("gpt2") => {
                let config: Gpt2Config = read(json)?;
                config.check()?;
                Ok(Config::Gpt2(config))
            }
            Some("gptj") => {
                let config: GptJConfig = read(json)?;
                config.check()?;
                Ok(Config::GptJ(config))
            }
            Some(other) => Err(config_error(format!("the model type {other:?} is not supported"))),
            None => Err(config_error("it has no \"model_type\"".to_owned())),
        }
    }

    /// Reads the `config.json` of a source.
    ///
    /// # Errors
    /// When it is not there, or as [`parse`](Self::parse).
    pub fn load(source: &Source) -> Result<Self, ModelError> {
        Self::parse(&source.read("config.json", MAX_CONFIG)?)
    }

    /// The sizes of the model.
    pub fn shape(&self) -> ModelShape {
        match self {
            Config::Gpt2(config) => config.shape(),
            Config::GptJ(config) => config.shape(),
        }
    }

    /// True if a checkpoint's tensor, by its canonical name, is not one of the model's.
    pub fn ignores(&self, name: &str) -> bool {
        match self {
            Config::Gpt2(config) => config.ignores(name),
            Config::GptJ(config) => config.ignores(name),
        }
    }

    /// The layout in which checkpoints store the weight that edits change.
    pub fn down_projection_layout(&self) -> Layout {
        match self {
            Config::Gpt2(_) => Layout::InputFirst,
            Config::GptJ(_) => Layout::OutputFirst,
        }
    }

    /// The canonical name of the weight that edits of a layer change.
    pub fn weight_name(&self, layer: usize) -> String {
        match self {
            Config::Gpt2(_) => Gpt2Config::weight_name(layer),
            Config::GptJ(_) => GptJConfig::weight_name(layer),
        }
    }

    /// The token that sequences start with, if the file names one that the model knows.
    pub fn start_token(&self) -> Option<u32> {
        match self {
            Config::Gpt2(config) => known(config.bos_token_id, config.vocab_size),
            Config::GptJ(config) => known(config.bos_token_id, config.vocab_size),
        }
    }

    /// The token that ends a text, if the file names one that the model knows.
    pub fn end_token(&self) -> Option<u32> {
        match self {
            Config::Gpt2(config) => known(config.eos_token_id, config.vocab_size),
            Config::GptJ(config) => known(config.eos_token_id, config.vocab_size),
        }
    }
}

/// Small models often keep the 50256 of the large ones, which they have no embedding for.
fn known(token: Option<u32>, vocab_size: usize) -> Option<u32> {
    token.filter(|&token| (token as usize) < vocab_size)
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(json).map_err(|error| config_error(error.to_string()))
}
