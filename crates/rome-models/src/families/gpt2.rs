//! GPT-2.

use super::base::{Defaults, gpt2};
use super::fields::Fields;
use super::llama;
use crate::ModelError;
use crate::decoder::parts::{LearnedPositions, ProjectionLayout};
use crate::decoder::{Names, Parts};
use crate::layout::Layout;

pub(super) const NAMES: Names = Names {
    root: "transformer.",
    renames: &[],
    embeddings: "transformer.wte",
    positions: "transformer.wpe",
    final_norm: "transformer.ln_f",
    block: "transformer.h.{}",
    attention_norm: "ln_1",
    mlp_norm: "ln_2",
    fused_attention: "attn.c_attn",
    attention_output: "attn.c_proj",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
    layout: Layout::InputFirst,
    ..llama::NAMES
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = gpt2(fields, Defaults { n_positions: 1024, is_tied: true, ..Defaults::GPT2 })?;
    parts.embedding.positions = Some(LearnedPositions { offset: 0 });
    parts.attention.layout = ProjectionLayout::InOrder;
    let by_width = fields.is("scale_attn_weights", true)?;
    let by_layer = fields.is("scale_attn_by_inverse_layer_idx", false)?;
    for (index, layer) in parts.layers.iter_mut().enumerate() {
        if !by_width {
            layer.attention_scale = 1.0;
        }
        if by_layer {
            layer.attention_scale *= 1.0 / (index + 1) as f64;
        }
    }
    Ok((parts, NAMES))
}
