//! GPT-NeoX and Pythia.

use super::base::{Defaults, gpt2, rope_sizes, set_attention_biases, set_rope};
use super::fields::Fields;
use super::llama;
use super::rope::{RopeDefaults, rope};
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::parts::{Arrangement, ProjectionLayout};
use crate::decoder::{Names, Parts};

const NAMES: Names = Names {
    root: "gpt_neox.",
    renames: &[("embed_out.", "lm_head.")],
    embeddings: "gpt_neox.embed_in",
    final_norm: "gpt_neox.final_layer_norm",
    block: "gpt_neox.layers.{}",
    fused_attention: "attention.query_key_value",
    attention_output: "attention.dense",
    up: "mlp.dense_h_to_4h",
    down: "mlp.dense_4h_to_h",
    ..llama::NAMES
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults { d_ff: None, activation: Activation::Gelu, ..Defaults::GPT2 };
    let mut parts = gpt2(fields, defaults)?;
    let rope_defaults = RopeDefaults { partial: Some(0.25), ..RopeDefaults::LLAMA };
    let rope = rope(fields, rope_defaults, rope_sizes(&parts))?;
    set_rope(&mut parts, rope);
    if fields.is("use_parallel_residual", true)? {
        parts.arrangement = Arrangement::ParallelOwnNorm;
    }
    parts.attention.layout = ProjectionLayout::ByGroup;
    set_attention_biases(&mut parts, fields.is("attention_bias", true)?);
    Ok((parts, NAMES))
}
