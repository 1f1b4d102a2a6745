//! `config.json`, whose `model_type` says which family it is.

use rome_core::ModelShape;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::gpt2::Gpt2Config;
use crate::gptj::GptJConfig;
use crate::layout::Layout;
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

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// When it is malformed, of another family, of quantized weights, or contradicts itself.
    pub fn parse(json: &[u8]) -> Result<Self, ModelError> {
        let fields: Value = serde_json::from_slice(json).map_err(|error| config_error(error.to_string()))?;
        if let Some(quantization) = fields.get("quantization_config").filter(|value| !value.is_null()) {
            let how = quantization.get("quant_method").and_then(Value::as_str);
            return Err(ModelError::Quantized { how: how.unwrap_or("by its config.json").to_owned() });
        }
        match fields.get("model_type").and_then(Value::as_str) {
            Some("gpt2") => {
                let config: Gpt2Config = read(fields)?;
                config.check()?;
                Ok(Config::Gpt2(config))
            }
            Some("gptj") => {
                let config: GptJConfig = read(fields)?;
                config.check()?;
                Ok(Config::GptJ(config))
            }
            Some(other) => Err(ModelError::Family { model_type: other.to_owned() }),
            None => Err(config_error("it has no \"model_type\"".to_owned())),
        }
    }

    /// Reads the `config.json` of a source.
    ///
    /// # Errors
    /// When it is not there, or as [`parse`](Self::parse).
    pub fn load(source: &Source) -> Result<Self, ModelError> {
        if source.find(&["config.json"]).is_none()
            && let Some(error) = near_miss(source)
        {
            return Err(error);
        }
        Self::parse(&source.read("config.json", MAX_CONFIG)?)
    }

    /// The sizes of the model.
    pub fn shape(&self) -> ModelShape {
        match self {
            Config::Gpt2(config) => config.shape(),
            Config::GptJ(config) => config.shape(),
        }
    }

    /// True if the head is the token embedding.
    pub fn is_tied(&self) -> bool {
        match self {
            Config::Gpt2(config) => config.tie_word_embeddings,
            Config::GptJ(config) => config.tie_word_embeddings,
        }
    }

    /// True if a checkpoint's tensor, by its canonical name, is a buffer that follows from the configuration.
    pub(crate) fn is_buffer(&self, name: &str) -> bool {
        match self {
            Config::Gpt2(_) => Gpt2Config::is_buffer(name),
            Config::GptJ(_) => GptJConfig::is_buffer(name),
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
        let (ids, vocab_size) = match self {
            Config::Gpt2(config) => (&config.bos_token_id, config.vocab_size),
            Config::GptJ(config) => (&config.bos_token_id, config.vocab_size),
        };
        ids.known(vocab_size).next()
    }

    /// The tokens that end a text, of those that the file names, and that the model knows.
    pub fn end_tokens(&self) -> Vec<u32> {
        let (ids, vocab_size) = match self {
            Config::Gpt2(config) => (&config.eos_token_id, config.vocab_size),
            Config::GptJ(config) => (&config.eos_token_id, config.vocab_size),
        };
        ids.known(vocab_size).collect()
    }
}

/// Fields under the names that all families of transformers share, and under those of GPT-2 and GPT-J.
const GENERAL_NAMES: [(&str, &str); 4] = [
    ("hidden_size", "n_embd"),
    ("num_hidden_layers", "n_layer"),
    ("num_attention_heads", "n_head"),
    ("max_position_embeddings", "n_positions"),
];

/// Reads the fields, each under its family's name or under the general one.
fn read<T: DeserializeOwned>(mut fields: Value) -> Result<T, ModelError> {
    if let Some(fields) = fields.as_object_mut() {
        for (general, own) in GENERAL_NAMES {
            if let Some(value) = fields.remove(general) {
                fields.entry(own).or_insert(value);
            }
        }
    }
    serde_json::from_value(fields).map_err(|error| config_error(error.to_string()))
}

/// The error for a folder without a `config.json` that is something that people take for a model.
fn near_miss(source: &Source) -> Option<ModelError> {
    if source.find(&["adapter_config.json"]).is_some() {
        let json = source.read("adapter_config.json", MAX_CONFIG).ok()?;
        let fields: Value = serde_json::from_slice(&json).unwrap_or_default();
        let base = fields.get("base_model_name_or_path").and_then(Value::as_str);
        return Some(ModelError::Adapter { place: source.name(), base: base.map(str::to_owned) });
    }
    let gguf = source.files().into_iter().find(|name| name.ends_with(".gguf"))?;
    Some(ModelError::File { name: format!("{}/{gguf}", source.name()) })
}
