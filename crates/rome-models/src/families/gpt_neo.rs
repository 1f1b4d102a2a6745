//! GPT-Neo.

use super::base::{Defaults, gpt2, set_attention_scale};
use super::fields::{Fields, config_error};
use super::gpt2;
use crate::ModelError;
use crate::decoder::parts::LearnedPositions;
use crate::decoder::{Names, Parts};
use crate::layout::Layout;

const NAMES: Names = Names {
    query: "attn.attention.q_proj",
    key: "attn.attention.k_proj",
    value: "attn.attention.v_proj",
    attention_output: "attn.attention.out_proj",
    layout: Layout::OutputFirst,
    ..gpt2::NAMES
};

pub(super) fn read(fields: Fields<'_>) -> Result<(Parts, Names), ModelError> {
    let mut parts = gpt2(fields, Defaults { is_tied: true, ..Defaults::GPT2 })?;
    parts.embedding.positions = Some(LearnedPositions { offset: 0 });
    parts.attention.has_bias = false;
    set_attention_scale(&mut parts, 1.0);
    let n_layers = parts.shape.n_layers;
    let window = fields.size(&["window_size"], Some(256))?;
    let kinds: Vec<(Vec<String>, usize)> = fields.or(
        &["attention_types"],
        vec![(vec!["global".to_owned(), "local".to_owned()], n_layers.div_ceil(2))],
    )?;
    let kinds = kinds.into_iter().flat_map(|(kinds, n)| std::iter::repeat_n(kinds, n).flatten());
    let kinds: Vec<String> = kinds.take(n_layers + 1).collect();
    if kinds.len() != n_layers {
        return Err(fields.refuse("attention_types", &format!("it must name {n_layers} layers")));
    }
    for (layer, kind) in parts.layers.iter_mut().zip(&kinds) {
        layer.window = match kind.as_str() {
            "global" => None,
            "local" => Some(window),
            other => {
                return Err(config_error(format!(
                    "\"attention_types\" has {other:?}, which is not supported"
                )));
            }
        };
    }
    Ok((parts, NAMES))
}
