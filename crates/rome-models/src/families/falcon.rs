//! Falcon.

use super::base::{Defaults, KvHeads, gpt2, rope_sizes, set_attention_biases, set_rope};
use super::fields::Fields;
use super::llama;
use super::rope::{RopeDefaults, rope};
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::parts::{Arrangement, ProjectionLayout};
use crate::decoder::{Names, Parts};

const NAMES: Names = Names {
    root: "transformer.",
    renames: &[],
    embeddings: "transformer.word_embeddings",
    final_norm: "transformer.ln_f",
    block: "transformer.h.{}",
    fused_attention: "self_attention.query_key_value",
    attention_output: "self_attention.dense",
    up: "mlp.dense_h_to_4h",
    down: "mlp.dense_4h_to_h",
    ..llama::NAMES
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    if fields.is("alibi", false)? {
        return Err(fields.refuse("alibi", "attention that is biased by distance is not supported"));
    }
    let is_new = fields.is("new_decoder_architecture", false)?;
    let shares_one = !is_new && fields.is("multi_query", true)?;
    let kv_heads = match (is_new, shares_one) {
        (true, _) => KvHeads::Field(None),
        // Files of transformers 5 have the number of heads there.
        (false, true) => KvHeads::One,
        (false, false) => KvHeads::All,
    };
    let defaults = Defaults { kv_heads, activation: Activation::Gelu, is_tied: true, ..Defaults::GPT2 };
    let mut parts = gpt2(fields, defaults)?;
    let rope = rope(fields, RopeDefaults::LLAMA, rope_sizes(&parts))?;
    set_rope(&mut parts, rope);
    let has_two_norms = is_new && fields.or(&["num_ln_in_parallel_attn"], 2)? == 2;
    parts.arrangement = if has_two_norms {
        Arrangement::ParallelOwnNorm
    } else if is_new || fields.is("parallel_attn", true)? {
        Arrangement::ParallelSharedNorm
    } else {
        Arrangement::Sequential
    };
    parts.attention.layout = if shares_one { ProjectionLayout::InOrder } else { ProjectionLayout::ByGroup };
    let has_bias = fields.is("bias", false)?;
    set_attention_biases(&mut parts, has_bias);
    parts.mlp.has_bias = has_bias;
    let names =
        if has_two_norms { Names { attention_norm: "ln_attn", mlp_norm: "ln_mlp", ..NAMES } } else { NAMES };
    Ok((parts, names))
}
