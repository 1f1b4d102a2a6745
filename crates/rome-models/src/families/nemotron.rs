//! Nemotron.

use super::base::{Defaults, HeadDim, KvHeads, gpt2, rope_sizes, set_attention_biases, set_rope};
use super::fields::Fields;
use super::llama;
use super::rope::{RopeDefaults, rope};
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::parts::Gain;
use crate::decoder::{Names, Parts};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        d_ff: None,
        kv_heads: KvHeads::Field(None),
        head_dim: HeadDim::Field(None),
        n_positions: 4096,
        activation: Activation::Relu2,
        ..Defaults::GPT2
    };
    let mut parts = gpt2(fields, defaults)?;
    parts.norm.gain = Gain::OnePlus;
    let rope_defaults = RopeDefaults { partial: Some(0.5), ..RopeDefaults::LLAMA };
    let rope = rope(fields, rope_defaults, rope_sizes(&parts))?;
    set_rope(&mut parts, rope);
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    parts.mlp.has_bias = fields.is("mlp_bias", false)?;
    Ok((parts, llama::NAMES))
}
