//! The forward pass, cut anywhere: `embed → blocks → head`.

use std::ops::Range;

use burn::prelude::*;

use super::batch::{Batch, token_ids};
use super::block::BlockPass;
use super::cache::{CacheMode, KvCache};
use crate::model::{CausalLm, Hook};

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

/// A run of blocks, watched and with a cache.
pub struct ForwardPass<'a> {
    /// The model.
    pub model: &'a dyn CausalLm,
    /// The rows and positions of the packed tokens.
    pub batch: &'a Batch,
    /// The earlier tokens that attention sees, and the ones it keeps for later.
    pub cache: CacheMode<'a>,
    /// The hook that observes or changes states.
    pub hook: &'a mut dyn Hook,
}

impl ForwardPass<'_> {
    /// Runs the blocks of `layers` in order.
    ///
    /// # Shapes
    /// - hidden, output: `[n_tokens, d_model]`
    pub fn run(self, hidden: Tensor<2>, layers: Range<usize>) -> Tensor<2> {
        let Self { model, batch, mut cache, hook } = self;
        let hidden = layers.fold(hidden, |hidden, layer| {
            BlockPass { model, layer, batch, recorded: false, frozen: None }.run(hidden, &mut cache, hook).0
        });
        if let CacheMode::Extend(cache) = cache {
            cache.commit(batch);
        }
        hidden
    }
}

/// Runs the blocks of `layers` for nothing but what attention keeps of them in a cache.
///
/// # Shapes
/// - hidden: `[n_tokens, d_model]`
pub fn fill(
    model: &dyn CausalLm,
    hidden: Tensor<2>,
    layers: Range<usize>,
    batch: &Batch,
    cache: &mut KvCache,
) {
    let Some(last) = layers.clone().last() else { return };
    let mut memory = CacheMode::Extend(cache);
    let pass = |layer| BlockPass { model, layer, batch, recorded: false, frozen: None };
    let run = |hidden, layer| pass(layer).run(hidden, &mut memory, &mut ()).0;
    let hidden = (layers.start..last).fold(hidden, run);
    pass(last).remember(hidden, &mut memory);
    cache.commit(batch);
}

/// Runs block `layer` up to its down projection, whose input it returns.
///
/// # Shapes
/// - hidden: `[n_tokens, d_model]`
/// - output: `[n_tokens, d_ff]`
pub fn key(model: &dyn CausalLm, hidden: Tensor<2>, layer: usize, batch: &Batch) -> Tensor<2> {
    let pass = BlockPass { model, layer, batch, recorded: false, frozen: None };
    pass.key(hidden)
}

/// Returns logits.
///
/// # Shapes
/// - hidden: `[n_tokens, d_model]`
/// - output: `[n_tokens, vocab_size]`
pub fn head(model: &dyn CausalLm, hidden: Tensor<2>) -> Tensor<2> {
    model.head(hidden.into()).into_value()
}

/// Returns the logits of every position of one sequence.
///
/// # Shapes
/// - output: `[tokens.len(), vocab_size]`
pub fn logits(model: &dyn CausalLm, tokens: &[u32]) -> Tensor<2> {
    let batch = Batch::new(&[tokens.len()], &model.device());
    let hidden = embed(model, tokens, &batch);
    head(
        model,
        ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut () }
            .run(hidden, 0..model.shape().n_layers),
    )
}
