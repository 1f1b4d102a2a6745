//! Phi-1, Phi-1.5 and Phi-2.

use super::base::{Defaults, HeadDim, KvHeads, gpt2, rope_sizes, set_head_norm, set_rope};
use super::fields::Fields;
use super::llama;
use super::rope::{RopeDefaults, rope};
use crate::ModelError;
use crate::decoder::parts::{Arrangement, HeadNormOver};
use crate::decoder::{Names, Parts};

const NAMES: Names = Names {
    final_norm: "model.final_layernorm",
    attention_output: "self_attn.dense",
    query_norm: "self_attn.q_layernorm",
    key_norm: "self_attn.k_layernorm",
    up: "mlp.fc1",
    down: "mlp.fc2",
    ..llama::NAMES
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        d_ff: None,
        kv_heads: KvHeads::Field(None),
        head_dim: HeadDim::Field(None),
        ..Defaults::GPT2
    };
    let mut parts = gpt2(fields, defaults)?;
    let rope_defaults = RopeDefaults { partial: Some(0.5), ..RopeDefaults::LLAMA };
    let rope = rope(fields, rope_defaults, rope_sizes(&parts))?;
    set_rope(&mut parts, rope);
    parts.arrangement = Arrangement::ParallelSharedNorm;
    parts.head.has_bias = true;
    if fields.is("qk_layernorm", false)? {
        set_head_norm(&mut parts, HeadNormOver::Head);
    }
    Ok((parts, NAMES))
}
