//! Models whose language model is a part of them.

use serde_json::{Map, Value};

use super::fields::{Fields, config_error};
use crate::ModelError;

/// Models whose language model is a part, described by their `text_config`: the family that it is of if it does not
/// say so.
const WRAPPERS: [(&str, &str); 2] = [("gemma3", "gemma3_text"), ("mistral3", "mistral")];

/// Set for a wrapper whose versions of transformers differ in what the absence of `tie_word_embeddings` means, and
/// agree that a head that is stored is the head.
pub(super) const TIED_UNLESS_STORED: &str = "tie_word_embeddings_unless_stored";

/// The fields of the language model: all, or those of a wrapper's `text_config`.
pub(super) fn language_model(top: &Map<String, Value>) -> Result<Map<String, Value>, ModelError> {
    let outer = Fields::new(top);
    let model_type: Option<String> = outer.optional(&["model_type"])?;
    let model_type = model_type.ok_or_else(|| config_error("it has no \"model_type\""))?;
    let Some((_, family)) = WRAPPERS.iter().find(|(name, _)| *name == model_type) else {
        return Ok(top.clone());
    };
    let mut inner = top.get("text_config").and_then(Value::as_object).cloned().unwrap_or_default();
    inner.entry("model_type").or_insert_with(|| (*family).into());
    // Tied or not is a matter of the whole.
    match top.get("tie_word_embeddings").filter(|value| !value.is_null()) {
        Some(tied) => {
            inner.insert("tie_word_embeddings".to_owned(), tied.clone());
        }
        None if model_type == "mistral3" => {
            inner.insert(TIED_UNLESS_STORED.to_owned(), true.into());
        }
        None => {}
    }
    for name in ["bos_token_id", "eos_token_id"] {
        if let Some(value) = top.get(name) {
            inner.entry(name).or_insert_with(|| value.clone());
        }
    }
    if model_type == "mistral3" {
        for (name, value) in [("hidden_size", 5120), ("num_hidden_layers", 40), ("num_attention_heads", 32)] {
            inner.entry(name).or_insert_with(|| value.into());
        }
    }
    Ok(inner)
}
