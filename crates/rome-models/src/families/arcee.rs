//! Arcee's foundation models.

use super::base::{Defaults, llama, set_attention_biases};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::parts::Gate;
use crate::decoder::{Names, Parts};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults =
        Defaults { n_positions: 4096, epsilon: 1e-5, activation: Activation::Relu2, ..Defaults::LLAMA };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, WindowRule::None)?;
    parts.mlp.gate = Gate::None;
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    parts.mlp.has_bias = fields.is("mlp_bias", false)?;
    Ok((parts, llama::NAMES))
}
