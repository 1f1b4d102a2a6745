//! OPT.

use super::base::{Defaults, gpt2, set_attention_biases};
use super::fields::Fields;
use super::llama;
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::parts::LearnedPositions;
use crate::decoder::{Names, Parts};

const NAMES: Names = Names {
    root: "model.decoder.",
    renames: &[("decoder.", "model.decoder.")],
    embeddings: "model.decoder.embed_tokens",
    positions: "model.decoder.embed_positions",
    final_norm: "model.decoder.final_layer_norm",
    block: "model.decoder.layers.{}",
    attention_norm: "self_attn_layer_norm",
    mlp_norm: "final_layer_norm",
    attention_output: "self_attn.out_proj",
    up: "fc1",
    down: "fc2",
    ..llama::NAMES
};

/// Switches that only models take that are built otherwise.
const REQUIRED: [(&str, bool, &str); 3] = [
    ("do_layer_norm_before", true, "norms after attention and MLP, as in OPT-350m, are not supported"),
    ("layer_norm_elementwise_affine", true, "norms without parameters are not supported"),
    ("_remove_final_layer_norm", false, "a model without a final norm is not supported"),
];

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    for (name, required, reason) in REQUIRED {
        if fields.is(name, required)? != required {
            return Err(fields.refuse(name, reason));
        }
    }
    let mut parts =
        gpt2(fields, Defaults { d_ff: None, activation: Activation::Relu, is_tied: true, ..Defaults::GPT2 })?;
    if fields.or(&["word_embed_proj_dim"], parts.shape.d_model)? != parts.shape.d_model {
        return Err(fields.refuse("word_embed_proj_dim", "embeddings of another width are not supported"));
    }
    // Fixed in the code of transformers.
    parts.norm.epsilon = 1e-5;
    parts.embedding.positions = Some(LearnedPositions { offset: 2 });
    let has_bias = fields.is("enable_bias", true)?;
    set_attention_biases(&mut parts, has_bias);
    parts.mlp.has_bias = has_bias;
    Ok((parts, NAMES))
}
