//! GLM-4 in both forms.

use super::base::{Defaults, HeadDim, KvHeads, llama};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::{Arrangement, Gate, Pairing};
use crate::decoder::{Names, Parts};

/// GLM-4, as of 2024.
pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        kv_heads: KvHeads::Field(Some(2)),
        head_dim: HeadDim::Field(Some(128)),
        n_positions: 131_072,
        epsilon: 1.5625e-7,
        ..Defaults::LLAMA
    };
    let rope = RopeDefaults { partial: Some(0.5), pairing: Pairing::Adjacent, ..RopeDefaults::LLAMA };
    let mut parts = llama(fields, defaults, rope, WindowRule::None)?;
    parts.attention.has_bias = fields.is("attention_bias", true)?;
    parts.mlp.gate = Gate::Fused;
    Ok((parts, llama::NAMES))
}

/// GLM-4-0414, with norms after attention and the MLP.
pub(super) fn read_4(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let (mut parts, _) = read(fields)?;
    parts.arrangement = Arrangement::Sandwich;
    let names = Names {
        after_attention: "post_self_attn_layernorm",
        after_mlp: "post_mlp_layernorm",
        ..llama::NAMES
    };
    Ok((parts, names))
}
