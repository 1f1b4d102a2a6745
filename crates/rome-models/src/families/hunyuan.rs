//! HunYuan, the dense one.

use super::base::{Defaults, llama, set_attention_biases, set_head_norm};
use super::fields::Fields;
use super::llama;
use super::rope::RopeDefaults;
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::parts::HeadNormOver;
use crate::decoder::{Names, Parts};

const NAMES: Names =
    Names { query_norm: "self_attn.query_layernorm", key_norm: "self_attn.key_layernorm", ..llama::NAMES };

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults { epsilon: 1e-5, ..Defaults::LLAMA };
    let mut parts = llama(fields, defaults, RopeDefaults::LLAMA, WindowRule::None)?;
    set_head_norm(&mut parts, HeadNormOver::Head);
    if let Some(norm) = &mut parts.attention.head_norm {
        norm.is_after_rotation = true;
    }
    set_attention_biases(&mut parts, fields.is("attention_bias", false)?);
    Ok((parts, NAMES))
}
