//! OLMo, OLMo 2 and OLMo 3.

use super::base::{
    Defaults, llama, rope_sizes, set_attention_biases, set_head_norm, set_two_ropes, set_windows,
    without_positions,
};
use super::fields::Fields;
use super::llama;
use super::rope::{LayerKind, RopeDefaults, rope_of};
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::{Arrangement, Gain, HeadNormOver, NormKind, NormParts};
use crate::decoder::{Names, Parts};

const DEFAULTS: Defaults = Defaults { epsilon: 1e-5, ..Defaults::LLAMA };

const NAMES: Names = Names {
    after_attention: "post_attention_layernorm",
    after_mlp: "post_feedforward_layernorm",
    ..llama::NAMES
};

/// OLMo, whose norms have no parameters.
pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = llama(fields, DEFAULTS, RopeDefaults::LLAMA, WindowRule::None)?;
    if fields.value("clip_qkv").is_some() {
        return Err(fields.refuse("clip_qkv", "queries, keys and values that are clipped are not supported"));
    }
    // Fixed in the code of transformers.
    parts.norm = NormParts { kind: NormKind::Layer, gain: Gain::One, has_bias: false, epsilon: 1e-5 };
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    Ok((parts, llama::NAMES))
}

pub(super) fn read_2(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = llama(fields, DEFAULTS, RopeDefaults::LLAMA, WindowRule::None)?;
    set_norms_after(&mut parts, fields)?;
    Ok((parts, NAMES))
}

/// OLMo 3, whose scaling counts for the layers without a window.
pub(super) fn read_3(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = without_positions(fields, DEFAULTS)?;
    let defaults = Defaults { window: Some(4096), ..DEFAULTS };
    set_windows(&mut parts, fields, defaults, WindowRule::AllButEvery(4))?;
    set_norms_after(&mut parts, fields)?;
    let (rope, sizes) = (RopeDefaults { theta: None, ..RopeDefaults::LLAMA }, rope_sizes(&parts));
    let full = rope_of(LayerKind::Full, fields, rope, sizes)?;
    let sliding = rope_of(LayerKind::Sliding, fields, rope, sizes)?;
    set_two_ropes(&mut parts, full, sliding);
    Ok((parts, NAMES))
}

fn set_norms_after(parts: &mut Parts, fields: Fields<'_>) -> Result<(), ModelError> {
    parts.arrangement = Arrangement::NormAfter;
    set_head_norm(parts, HeadNormOver::Width);
    set_attention_biases(parts, fields.is("attention_bias", false)?);
    Ok(())
}
