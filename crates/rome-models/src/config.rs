//! `config.json`, whose `model_type` says which family it is.

use rome_core::ModelShape;
use serde_json::{Map, Value};

use crate::decoder::parts::Tie;
use crate::decoder::{Names, Parts};
use crate::families::fields::{Fields, config_error};
use crate::families::{Description, describe};
use crate::layout::Layout;
use crate::token_ids::TokenIds;
use crate::{ModelError, Source};

/// No `config.json` comes near this.
const MAX_CONFIG: u64 = 16 << 20;

/// The configuration of a model of any supported family: its parts, and the names of its tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The parts of the decoder.
    pub parts: Parts,
    /// The names of its tensors.
    pub names: Names,
    start_tokens: TokenIds,
    end_tokens: TokenIds,
}

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// When it is malformed, of another family, of quantized weights, or contradicts itself.
    pub fn parse(json: &[u8]) -> Result<Self, ModelError> {
        let fields: Map<String, Value> = serde_json::from_slice(json)
            .map_err(|error| config_error(format!("it is no JSON object: {error}")))?;
        let within = fields.get("text_config").and_then(Value::as_object);
        for fields in std::iter::once(&fields).chain(within) {
            check_unquantized(fields)?;
        }
        let Description { parts, names, fields } = describe(&fields)?;
        let fields = Fields::new(&fields);
        Ok(Self {
            parts,
            names,
            start_tokens: fields.or(&["bos_token_id"], TokenIds::default())?,
            end_tokens: fields.or(&["eos_token_id"], TokenIds::default())?,
        })
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
    pub fn shape(&self) -> &ModelShape {
        &self.parts.shape
    }

    /// True if the head is the token embedding.
    pub fn is_tied(&self) -> bool {
        self.parts.head.tie == Tie::Tied
    }

    /// The layout in which checkpoints store the weight that edits change.
    pub fn down_projection_layout(&self) -> Layout {
        self.names.layout
    }

    /// The canonical name of the weight that edits of a layer change.
    pub fn weight_name(&self, layer: usize) -> String {
        self.names.edited_weight(layer)
    }

    /// The token that sequences start with, if the file names one that the model knows.
    pub fn start_token(&self) -> Option<u32> {
        self.start_tokens.known(self.shape().vocab_size).next()
    }

    /// The tokens that end a text, of those that the file names, and that the model knows.
    pub fn end_tokens(&self) -> Vec<u32> {
        self.end_tokens.known(self.shape().vocab_size).collect()
    }
}

fn check_unquantized(fields: &Map<String, Value>) -> Result<(), ModelError> {
    let Some(quantization) = Fields::new(fields).value("quantization_config") else { return Ok(()) };
    let how = quantization.get("quant_method").and_then(Value::as_str);
    let how = how.map_or_else(String::new, |method| format!(": {method}"));
    Err(ModelError::Quantized { how: format!("quantization_config{how}") })
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
