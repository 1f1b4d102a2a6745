//! Gemma, Gemma 2 and Gemma 3.

use super::base::{
    Defaults, HeadDim, KvHeads, Width, activation, llama, rope_sizes, set_attention_biases,
    set_attention_scale, set_head_norm, set_two_ropes, set_windows, without_positions,
};
use super::fields::Fields;
use super::frequencies::PlainRotary;
use super::llama;
use super::rope::{LayerKind, Rope, RopeDefaults, rope_of};
use super::windows::WindowRule;
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::Names;
use crate::decoder::parts::{Arrangement, Gain, HeadNormOver, Pairing, Parts, RotaryParts};

const DEFAULTS: Defaults = Defaults {
    kv_heads: KvHeads::Field(Some(16)),
    head_dim: HeadDim::Field(Some(256)),
    n_positions: 8192,
    activation: Activation::GeluNew,
    is_tied: true,
    ..Defaults::LLAMA
};

const SANDWICH: Names = Names {
    after_attention: "post_attention_layernorm",
    mlp_norm: "pre_feedforward_layernorm",
    after_mlp: "post_feedforward_layernorm",
    ..llama::NAMES
};

/// Sets what all have in common: factors less 1 in norms, and embeddings that are scaled.
fn set_common(parts: &mut Parts, fields: Fields<'_>) -> Result<(), ModelError> {
    if fields.is("use_bidirectional_attention", false)? {
        return Err(fields.refuse("use_bidirectional_attention", "only causal attention is supported"));
    }
    parts.norm.gain = Gain::OnePlus;
    parts.embedding.scale = (parts.shape.d_model as f64).sqrt();
    Ok(())
}

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = llama(fields, DEFAULTS, RopeDefaults::LLAMA, WindowRule::None)?;
    set_common(&mut parts, fields)?;
    // The published files say "gelu" and mean its tanh form.
    let named = activation(fields, &["hidden_activation", "hidden_act"], Activation::GeluNew)?;
    let is_said = fields.value("hidden_activation").is_some();
    parts.mlp.activation = if named == Activation::Gelu && !is_said { Activation::GeluNew } else { named };
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    Ok((parts, llama::NAMES))
}

/// Sets what Gemma 2 and 3 have in common.
fn set_sandwich(parts: &mut Parts, fields: Fields<'_>, softcap: Option<f64>) -> Result<(), ModelError> {
    set_common(parts, fields)?;
    parts.arrangement = Arrangement::Sandwich;
    parts.mlp.activation = activation(fields, &["hidden_activation"], Activation::GeluNew)?;
    parts.head.softcap = fields.nullable(&["final_logit_softcapping"], softcap)?;
    let width: f64 = fields.or(&["query_pre_attn_scalar"], 256.0)?;
    set_attention_scale(parts, width.powf(-0.5));
    set_attention_biases(parts, fields.is("attention_bias", false)?);
    Ok(())
}

pub(super) fn read_2(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults { kv_heads: KvHeads::Field(Some(4)), window: Some(4096), ..DEFAULTS };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, WindowRule::AllButEvery(2))?;
    set_sandwich(&mut parts, fields, Some(30.0))?;
    parts.attention.softcap = fields.nullable(&["attn_logit_softcapping"], Some(50.0))?;
    Ok((parts, SANDWICH))
}

pub(super) fn read_3(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        d_model: Some(2304),
        n_layers: Some(26),
        n_heads: Some(8),
        d_ff: Some(Width::Fixed(9216)),
        kv_heads: KvHeads::Field(Some(4)),
        n_positions: 131_072,
        vocab_size: Some(262_208),
        window: Some(4096),
        ..DEFAULTS
    };
    let mut parts = without_positions(fields, defaults)?;
    let pattern = fields.or(&["sliding_window_pattern", "_sliding_window_pattern"], 6)?;
    set_windows(&mut parts, fields, defaults, WindowRule::AllButEvery(pattern))?;
    set_sandwich(&mut parts, fields, None)?;
    set_head_norm(&mut parts, HeadNormOver::Head);
    let full = RopeDefaults { theta: Some(1e6), ..RopeDefaults::LLAMA };
    let full = rope_of(LayerKind::Full, fields, full, rope_sizes(&parts))?;
    let sliding = sliding_rope(fields, &parts)?;
    set_two_ropes(&mut parts, full, sliding);
    Ok((parts, SANDWICH))
}

/// Layers with a window have a rotation of their own, that no scaling changes.
fn sliding_rope(fields: Fields<'_>, parts: &Parts) -> Result<Rope, ModelError> {
    let sizes = rope_sizes(parts);
    let by_kind = fields.object("rope_parameters").and_then(|all| all.object(LayerKind::Sliding.name()));
    if by_kind.is_some() {
        return rope_of(LayerKind::Sliding, fields, RopeDefaults::LLAMA, sizes);
    }
    let plain = PlainRotary {
        theta: fields.or(&["rope_local_base_freq"], 1e4)?,
        width: sizes.head_dim,
        n_positions: sizes.n_positions,
        original_positions: None,
    };
    let parts = RotaryParts { pairing: Pairing::Halves, frequencies: plain.unscaled().values, factor: 1.0 };
    Ok(Rope::new(parts, sizes.n_positions))
}
