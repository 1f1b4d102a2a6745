//! Command R, and Command R7B and A.

use super::base::{Defaults, HeadDim, llama, set_attention_biases, set_head_norm};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::{Arrangement, HeadNormOver, NormKind, Pairing};
use crate::decoder::{Names, Parts};

const DEFAULTS: Defaults =
    Defaults { head_dim: HeadDim::Share, n_positions: 8192, epsilon: 1e-5, is_tied: true, ..Defaults::LLAMA };

const ROPE: RopeDefaults = RopeDefaults { theta: None, pairing: Pairing::Adjacent, ..RopeDefaults::LLAMA };

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = llama(fields, DEFAULTS, ROPE, WindowRule::None)?;
    set_common(&mut parts, fields)?;
    if fields.is("use_qk_norm", false)? {
        set_head_norm(&mut parts, HeadNormOver::EachHead);
    }
    Ok((parts, llama::NAMES))
}

/// Only layers with a window rotate.
pub(super) fn read_2(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let pattern = fields.or(&["sliding_window_pattern", "_sliding_window_pattern"], 4)?;
    let defaults = Defaults { window: Some(4096), ..DEFAULTS };
    let rope = RopeDefaults { theta: Some(1e4), ..ROPE };
    let mut parts = llama(fields, defaults, rope, WindowRule::AllButEvery(pattern))?;
    set_common(&mut parts, fields)?;
    for layer in &mut parts.layers {
        layer.rotary = layer.rotary.filter(|_| layer.window.is_some());
    }
    Ok((parts, llama::NAMES))
}

fn set_common(parts: &mut Parts, fields: Fields<'_>) -> Result<(), ModelError> {
    parts.norm.kind = NormKind::Layer;
    parts.arrangement = Arrangement::ParallelSharedNorm;
    parts.head.scale = fields.or(&["logit_scale"], 0.0625)?;
    set_attention_biases(parts, fields.is("attention_bias", false)?);
    Ok(())
}
