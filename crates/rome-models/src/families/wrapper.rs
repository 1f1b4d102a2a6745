//! Models whose language model is a part of them.

use serde_json::{Map, Value};

use super::fields::{Fields, config_error};
use crate::ModelError;

/// Models whose language model is a part, described by their `text_config`: the family that it is of if it does not
/// say so.
const WRAPPERS: [(&str, &str); 2] = [("gemma3", "gemma3_text"), ("mistral3", "mistral")];

/// A language model as it stands in a `config.json`.
pub(super) struct LanguageModel {
    /// Its fields, with those that a wrapper has for it.
    pub(super) fields: Map<String, Value>,
    /// True if it is a part of a larger model.
    pub(super) is_wrapped: bool,
    /// True if its head is one's own where one is stored, and the embeddings otherwise: versions of transformers
    /// differ in what the absence of `tie_word_embeddings` means in Mistral 3, and agree on that.
    pub(super) is_tied_unless_stored: bool,
}

/// Finds the language model: all of the fields, or those of a wrapper's `text_config`.
pub(super) fn language_model(top: &Map<String, Value>) -> Result<LanguageModel, ModelError> {
    let outer = Fields::new(top);
    let model_type: Option<String> = outer.optional(&["model_type"])?;
    let model_type = model_type.ok_or_else(|| config_error("it has no \"model_type\""))?;
    let Some((_, family)) = WRAPPERS.iter().find(|(name, _)| *name == model_type) else {
        return Ok(LanguageModel { fields: top.clone(), is_wrapped: false, is_tied_unless_stored: false });
    };
    let is_mistral = model_type == "mistral3";
    let mut inner = top.get("text_config").and_then(Value::as_object).cloned().unwrap_or_default();
    inner.entry("model_type").or_insert_with(|| (*family).into());
    // Tied or not is a matter of the whole.
    let tied = outer.value("tie_word_embeddings");
    if let Some(tied) = tied {
        inner.insert("tie_word_embeddings".to_owned(), tied.clone());
    }
    for name in ["bos_token_id", "eos_token_id"] {
        if let Some(value) = top.get(name) {
            inner.entry(name).or_insert_with(|| value.clone());
        }
    }
    if is_mistral {
        for (name, value) in [("hidden_size", 5120), ("num_hidden_layers", 40), ("num_attention_heads", 32)] {
            inner.entry(name).or_insert_with(|| value.into());
        }
    }
    let is_tied_unless_stored = is_mistral && tied.is_none();
    Ok(LanguageModel { fields: inner, is_wrapped: true, is_tied_unless_stored })
}
