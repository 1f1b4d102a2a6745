//! Granite.

use super::base::{Defaults, llama, set_attention_biases, set_attention_scale};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::{Names, Parts};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = llama(fields, Defaults::LLAMA, RopeDefaults::LLAMA, WindowRule::None)?;
    // The factor itself, not a divisor.
    set_attention_scale(&mut parts, fields.or(&["attention_multiplier"], 1.0)?);
    parts.embedding.scale = fields.or(&["embedding_multiplier"], 1.0)?;
    parts.residual_scale = fields.or(&["residual_multiplier"], 1.0)?;
    let divisor: f64 = fields.or(&["logits_scaling"], 1.0)?;
    if divisor == 0.0 {
        return Err(fields.refuse("logits_scaling", "nothing can be divided by it"));
    }
    parts.head.scale = divisor.recip();
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    parts.mlp.has_bias = fields.is("mlp_bias", false)?;
    Ok((parts, llama::NAMES))
}
