//! Llama, and models that are Llama under other names or with other defaults.

use super::base::{Defaults, HeadDim, KvHeads, llama, set_attention_biases};
use super::fields::Fields;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::Pairing;
use crate::decoder::{Names, Parts};
use crate::layout::Layout;

/// The names of Llama, which most families share.
pub(super) const NAMES: Names = Names {
    root: "model.",
    renames: &[
        ("language_model.model.", "model."),
        ("language_model.lm_head.", "lm_head."),
        ("model.language_model.", "model."),
    ],
    wrapper_root: None,
    embeddings: "model.embed_tokens",
    positions: "",
    final_norm: "model.norm",
    head: "lm_head",
    block: "model.layers.{}",
    attention_norm: "input_layernorm",
    mlp_norm: "post_attention_layernorm",
    after_attention: "",
    after_mlp: "",
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    fused_attention: "self_attn.qkv_proj",
    attention_output: "self_attn.o_proj",
    query_norm: "self_attn.q_norm",
    key_norm: "self_attn.k_norm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    fused_mlp: "mlp.gate_up_proj",
    down: "mlp.down_proj",
    layout: Layout::OutputFirst,
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = llama(fields, Defaults::LLAMA, RopeDefaults::LLAMA, WindowRule::None)?;
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    parts.mlp.has_bias = fields.is("mlp_bias", false)?;
    Ok((parts, NAMES))
}

/// Code World Model: Llama with windows.
pub(super) fn read_cwm(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        kv_heads: KvHeads::Field(Some(8)),
        head_dim: HeadDim::Field(Some(128)),
        n_positions: 131_072,
        epsilon: 1e-5,
        window: Some(8192),
        ..Defaults::LLAMA
    };
    let rope = RopeDefaults { theta: Some(1e6), ..RopeDefaults::LLAMA };
    Ok((llama(fields, defaults, rope, WindowRule::AllButEvery(4))?, NAMES))
}

/// ERNIE 4.5, the dense one.
pub(super) fn read_ernie4_5(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        kv_heads: KvHeads::Field(Some(2)),
        head_dim: HeadDim::Field(Some(128)),
        n_positions: 131_072,
        epsilon: 1e-5,
        is_tied: true,
        ..Defaults::LLAMA
    };
    let rope = RopeDefaults { theta: Some(5e5), pairing: Pairing::Adjacent, ..RopeDefaults::LLAMA };
    let mut parts = llama(fields, defaults, rope, WindowRule::None)?;
    let has_bias = fields.is("use_bias", false)?;
    set_attention_biases(&mut parts, has_bias);
    parts.mlp.has_bias = has_bias;
    Ok((parts, NAMES))
}

/// InternLM 3.
pub(super) fn read_internlm3(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        kv_heads: KvHeads::Field(Some(2)),
        head_dim: HeadDim::Field(Some(128)),
        n_positions: 32_768,
        epsilon: 1e-5,
        ..Defaults::LLAMA
    };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, WindowRule::None)?;
    // In its own names, one of them counts for attention's output and the MLP.
    let (of_attention, of_all) = (fields.is("qkv_bias", false)?, fields.is("bias", false)?);
    if of_attention != of_all {
        return Err(fields.refuse("qkv_bias", "it must be as \"bias\""));
    }
    set_attention_biases(&mut parts, fields.is("attention_bias", of_attention)?);
    parts.mlp.has_bias = fields.is("mlp_bias", of_all)?;
    Ok((parts, NAMES))
}

/// Seed-OSS.
pub(super) fn read_seed_oss(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        kv_heads: KvHeads::Field(Some(8)),
        head_dim: HeadDim::Field(Some(128)),
        n_positions: 524_288,
        ..Defaults::LLAMA
    };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, WindowRule::None)?;
    parts.attention.has_bias = fields.is("attention_bias", true)?;
    parts.attention.has_output_bias = fields.is("attention_out_bias", false)?;
    parts.mlp.has_bias = fields.is("mlp_bias", false)?;
    Ok((parts, NAMES))
}
