//! StarCoder 2.

use super::base::{
    Defaults, HeadDim, KvHeads, gpt2, rope_sizes, set_attention_biases, set_rope, set_windows,
};
use super::fields::Fields;
use super::llama;
use super::rope::{RopeDefaults, rope};
use super::windows::WindowRule;
use crate::ModelError;
use crate::decoder::{Names, Parts};

const NAMES: Names = Names { up: "mlp.c_fc", down: "mlp.c_proj", ..llama::NAMES };

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let defaults = Defaults {
        d_ff: None,
        kv_heads: KvHeads::Field(Some(2)),
        head_dim: HeadDim::Share,
        n_positions: 4096,
        is_tied: true,
        ..Defaults::GPT2
    };
    let mut parts = gpt2(fields, defaults)?;
    set_windows(&mut parts, fields, defaults, WindowRule::All)?;
    let rope = rope(fields, RopeDefaults::LLAMA, rope_sizes(&parts))?;
    set_rope(&mut parts, rope);
    let has_bias = fields.is("use_bias", true)?;
    set_attention_biases(&mut parts, has_bias);
    parts.mlp.has_bias = has_bias;
    Ok((parts, NAMES))
}
