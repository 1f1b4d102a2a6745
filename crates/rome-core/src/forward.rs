//! The forward pass, cut anywhere: `embed → blocks → head`.

use std::ops::Range;

use burn::prelude::*;

use crate::batch::token_ids;
use crate::{Attend, Batch, CausalLm, Memory, Part, Site, Tap};

/// Embeds the packed token ids of a batch.
///
/// # Shapes
/// - tokens: one id for each packed token
/// - output: `[n_tokens, d_model]`
///
/// # Panics
/// If the number of ids is not that of the batch.
pub fn embed(model: &dyn CausalLm, tokens: &[u32], batch: &Batch) -> Tensor<2> {
    assert_eq!(tokens.len(), batch.n_tokens(), "one id for each packed token");
    model.embed(token_ids(tokens.iter().copied(), &model.device()), batch.positions())
}

/// Runs the blocks of `layers` in order.
///
/// # Shapes
/// - hidden, output: `[n_tokens, d_model]`
pub fn blocks(
    model: &dyn CausalLm,
    hidden: Tensor<2>,
    layers: Range<usize>,
    batch: &Batch,
    mut memory: Memory<'_>,
    tap: &mut dyn Tap,
) -> Tensor<2> {
    let mut hidden = hidden;
    for layer in layers {
        let (attention, key) = attention_and_key(model, &hidden, layer, batch, &mut memory, tap);
        let mlp = model.down_projection(layer).forward(key);
        let mlp = tap.tap(Site { layer, part: Part::Mlp }, mlp);
        hidden = tap.tap(Site { layer, part: Part::Block }, hidden + attention + mlp);
    }
    if let Memory::Extend(cache) = memory {
        cache.commit(batch);
    }
    hidden
}

/// Runs block `layer` up to its down projection, whose input it returns.
///
/// # Shapes
/// - hidden: `[n_tokens, d_model]`
/// - output: `[n_tokens, d_ff]`
pub fn key(model: &dyn CausalLm, hidden: Tensor<2>, layer: usize, batch: &Batch) -> Tensor<2> {
    attention_and_key(model, &hidden, layer, batch, &mut Memory::None, &mut ()).1
}

fn attention_and_key(
    model: &dyn CausalLm,
    hidden: &Tensor<2>,
    layer: usize,
    batch: &Batch,
    memory: &mut Memory<'_>,
    tap: &mut dyn Tap,
) -> (Tensor<2>, Tensor<2>) {
    let attend = Attend { layer, batch, memory };
    let attention = model.attention(layer, hidden.clone(), attend);
    let attention = tap.tap(Site { layer, part: Part::Attention }, attention);
    let key = model.key(layer, hidden.clone(), attention.clone());
    (attention, tap.tap(Site { layer, part: Part::Key }, key))
}

/// Returns the logits of every position of one sequence.
///
/// # Shapes
/// - output: `[tokens.len(), vocab_size]`
pub fn logits(model: &dyn CausalLm, tokens: &[u32]) -> Tensor<2> {
    let batch = Batch::new(&[tokens.len()], &model.device());
    let hidden = embed(model, tokens, &batch);
    let hidden = blocks(model, hidden, 0..model.shape().n_layers, &batch, Memory::None, &mut ());
    model.head(hidden)
}
