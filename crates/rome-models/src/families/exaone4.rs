//! EXAONE 4.

use super::base::{Defaults, KvHeads, llama, set_head_norm};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::{WindowRule, layer_types};
use crate::ModelError;
use crate::decoder::parts::{Arrangement, HeadNormOver};
use crate::decoder::{Names, Parts};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults =
        Defaults { kv_heads: KvHeads::Field(Some(32)), epsilon: 1e-5, window: Some(4096), ..Defaults::LLAMA };
    let n_layers = fields.size(&["num_hidden_layers"], None)?;
    let rule = match fields.value("sliding_window_pattern") {
        Some(pattern) if pattern.is_string() => {
            if layer_types(fields, n_layers)?.is_none() {
                return Err(
                    fields.refuse("sliding_window_pattern", "a text only counts beside \"layer_types\"")
                );
            }
            WindowRule::None
        }
        _ => WindowRule::AllButEvery(fields.or(&["sliding_window_pattern"], 4)?),
    };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, rule)?;
    parts.arrangement = Arrangement::NormAfter;
    set_head_norm(&mut parts, HeadNormOver::Head);
    // Of a model with windows, only layers with one rotate.
    if parts.layers.iter().any(|layer| layer.window.is_some()) {
        for layer in &mut parts.layers {
            layer.rotary = layer.rotary.filter(|_| layer.window.is_some());
        }
    }
    let names = Names {
        after_attention: "post_attention_layernorm",
        after_mlp: "post_feedforward_layernorm",
        ..llama::NAMES
    };
    Ok((parts, names))
}
