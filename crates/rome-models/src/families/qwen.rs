//! Qwen 2, 2.5 and 3.

use super::base::{Defaults, HeadDim, KvHeads, llama, set_attention_biases, set_head_norm};
use super::fields::Fields;
use super::llama::NAMES;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::HeadNormOver;
use crate::decoder::{Names, Parts};

const DEFAULTS: Defaults =
    Defaults { kv_heads: KvHeads::Field(Some(32)), n_positions: 32_768, ..Defaults::LLAMA };

/// A window only counts with a switch, and from a layer on.
fn rule(fields: Fields<'_>) -> Result<(WindowRule, Option<usize>), ModelError> {
    let is_on = fields.is("use_sliding_window", false)?;
    let from = WindowRule::From(fields.or(&["max_window_layers"], 28)?);
    Ok(if is_on { (from, Some(4096)) } else { (WindowRule::None, None) })
}

pub(super) fn read_2(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let (rule, window) = rule(fields)?;
    let mut parts = llama(fields, Defaults { window, ..DEFAULTS }, RopeDefaults::LLAMA, rule)?;
    // No field says so.
    parts.attention.has_bias = true;
    Ok((parts, NAMES))
}

pub(super) fn read_3(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let (rule, window) = rule(fields)?;
    let defaults = Defaults { head_dim: HeadDim::Field(Some(128)), window, ..DEFAULTS };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, rule)?;
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    set_head_norm(&mut parts, HeadNormOver::Head);
    Ok((parts, NAMES))
}
