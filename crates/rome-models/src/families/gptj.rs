//! GPT-J.

use super::base::{Defaults, gpt2, rope_sizes, set_attention_biases, set_rope};
use super::fields::{Fields, config_error};
use super::frequencies::PlainRotary;
use super::gpt2;
use super::rope::Rope;
use crate::ModelError;
use crate::decoder::parts::{Arrangement, Pairing, RotaryParts};
use crate::decoder::{Names, Parts};
use crate::layout::Layout;

const NAMES: Names = Names {
    query: "attn.q_proj",
    key: "attn.k_proj",
    value: "attn.v_proj",
    attention_output: "attn.out_proj",
    up: "mlp.fc_in",
    down: "mlp.fc_out",
    layout: Layout::OutputFirst,
    ..gpt2::NAMES
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = gpt2(fields, Defaults::GPT2)?;
    let sizes = rope_sizes(&parts);
    let width = fields.nullable(&["rotary_dim"], Some(64))?.unwrap_or(sizes.head_dim);
    if width == 0 || !width.is_multiple_of(2) || width > sizes.head_dim {
        return Err(config_error(format!(
            "\"rotary_dim\" {width} must be even and at most the head's width of {}",
            sizes.head_dim
        )));
    }
    let plain = PlainRotary { theta: 1e4, width, n_positions: sizes.n_positions, original_positions: None };
    let rotary =
        RotaryParts { pairing: Pairing::Adjacent, frequencies: plain.unscaled().values, factor: 1.0 };
    set_rope(&mut parts, Rope::new(rotary, sizes.n_positions));
    parts.arrangement = Arrangement::ParallelSharedNorm;
    set_attention_biases(&mut parts, false);
    parts.head.has_bias = true;
    Ok((parts, NAMES))
}
