//! SmolLM3.

use super::base::{Defaults, KvHeads, llama, set_attention_biases};
use super::fields::{Fields, config_error};
use super::llama;
use super::rope::RopeDefaults;
use super::windows::{WindowRule, layer_types};
use crate::ModelError;
use crate::decoder::{Names, Parts};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults =
        Defaults { kv_heads: KvHeads::Field(Some(4)), n_positions: 32_768, is_tied: true, ..Defaults::LLAMA };
    let rope = RopeDefaults { theta: Some(2e6), ..RopeDefaults::LLAMA };
    let mut parts = llama(fields, defaults, rope, WindowRule::None)?;
    let n_layers = parts.shape.n_layers;
    let rotates = match fields.optional::<Vec<u8>>(&["no_rope_layers"])? {
        Some(rotates) => rotates.into_iter().map(|rotates| rotates != 0).collect(),
        None => {
            let interval = fields.size(&["no_rope_layer_interval"], Some(4))?;
            (0..n_layers).map(|layer| !(layer + 1usize).is_multiple_of(interval)).collect::<Vec<_>>()
        }
    };
    if rotates.len() != n_layers {
        return Err(config_error(format!(
            "\"no_rope_layers\" has {} entries for {n_layers} layers",
            rotates.len()
        )));
    }
    for (layer, rotates) in parts.layers.iter_mut().zip(rotates) {
        layer.rotary = layer.rotary.filter(|_| rotates);
    }
    // Those without a rotation, where no list says otherwise.
    if fields.is("use_sliding_window", false)? && layer_types(fields, n_layers)?.is_none() {
        let window = fields.optional(&["sliding_window"])?;
        for layer in &mut parts.layers {
            layer.window = window.filter(|_| layer.rotary.is_none());
        }
    }
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    parts.mlp.has_bias = fields.is("mlp_bias", false)?;
    Ok((parts, llama::NAMES))
}
