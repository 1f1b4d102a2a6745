//! The forward pass, cut anywhere: `embed → blocks → head`, and its way back.

use std::ops::Range;

use burn::prelude::*;

use crate::attention::{AttentionBack, AttentionGrad, attend};
use crate::batch::token_ids;
use crate::chain::Back;
use crate::{Batch, Block, CausalLm, Chain, KvCache, Memory, Part, Projection, Site, Tap};

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
    let hidden = layers.fold(hidden, |hidden, layer| {
        Pass { model, layer, batch, recorded: false }.run(hidden, &mut memory, tap).0
    });
    if let Memory::Extend(cache) = memory {
        cache.commit(batch);
    }
    hidden
}

/// Runs the blocks of `layers` for nothing but what attention keeps of them in a cache.
///
/// # Shapes
/// - hidden: `[n_tokens, d_model]`
pub fn fill(model: &dyn CausalLm, hidden: Tensor<2>, layers: Range<usize>, batch: &Batch, cache: &mut KvCache) {
    let Some(last) = layers.clone().last() else { return };
    let mut memory = Memory::Extend(cache);
    let pass = |layer| Pass { model, layer, batch, recorded: false };
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
    let pass = Pass { model, layer, batch, recorded: false };
    pass.until_key(hidden, &mut Memory::None, &mut ()).key
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
    head(model, blocks(model, hidden, 0..model.shape().n_layers, &batch, Memory::None, &mut ()))
}

/// One block run once.
pub(crate) struct Pass<'a, 'm> {
    pub(crate) model: &'m dyn CausalLm,
    pub(crate) layer: usize,
    pub(crate) batch: &'a Batch,
    /// Whether the way back is kept.
    pub(crate) recorded: bool,
}

/// The way back through a block.
pub(crate) struct BlockBack<'a, 'm> {
    block: &'m dyn Block,
    batch: &'a Batch,
    until_key: UntilKeyBack<'m>,
}

/// A block before its down projection.
struct UntilKey<'m> {
    /// The states that the block passes on, `[n_reads, d_model]`.
    hidden: Tensor<2>,
    attention: Tensor<2>,
    key: Tensor<2>,
    back: UntilKeyBack<'m>,
}

struct UntilKeyBack<'m> {
    norm: Back<'m>,
    projections: [Back<'m>; 3],
    attention: AttentionBack,
    output: Back<'m>,
    key: Back<'m>,
}

impl<'a, 'm> Pass<'a, 'm> {
    /// # Shapes
    /// - hidden: `[n_tokens, d_model]`
    /// - output: `[n_reads, d_model]`
    pub(crate) fn run(
        &self,
        hidden: Tensor<2>,
        memory: &mut Memory<'_>,
        tap: &mut dyn Tap,
    ) -> (Tensor<2>, BlockBack<'a, 'm>) {
        let (block, layer) = (self.model.block(self.layer), self.layer);
        let UntilKey { hidden, attention, key, back } = self.until_key(hidden, memory, tap);
        let mlp = block.down_projection().forward(key);
        let mlp = tap.tap(Site { layer, part: Part::Mlp }, mlp);
        let hidden = tap.tap(Site { layer, part: Part::Block }, hidden + attention + mlp);
        (hidden, BlockBack { block, batch: self.batch, until_key: back })
    }

    /// Keeps the keys and values of attention in memory, and computes no more than these.
    fn remember(&self, hidden: Tensor<2>, memory: &mut Memory<'_>) {
        let block = self.model.block(self.layer);
        let normed = block.norm(hidden.into()).into_value();
        let positions = self.batch.positions();
        let [key, value] = [Projection::Key, Projection::Value]
            .map(|projection| block.project(projection, normed.clone().into(), &positions).into_value());
        memory.keep(self.layer, &key, &value);
    }

    fn until_key(&self, hidden: Tensor<2>, memory: &mut Memory<'_>, tap: &mut dyn Tap) -> UntilKey<'m> {
        let block = self.model.block(self.layer);
        let layer = self.layer;
        let recorded = self.recorded;
        let start = |state: Tensor<2>| if recorded { Chain::recorded(state) } else { Chain::from(state) };

        let (normed, norm) = block.norm(start(hidden.clone())).split();
        let hidden = self.batch.read(hidden);
        let normed_reads = self.batch.read(normed.clone());
        let (positions, read_positions) = (self.batch.positions(), self.batch.read_positions());
        let project = |projection, normed: &Tensor<2>, positions| {
            block.project(projection, start(normed.clone()), positions).split()
        };
        let (query, query_back) = project(Projection::Query, &normed_reads, &read_positions);
        let (key, key_back) = project(Projection::Key, &normed, &positions);
        let (value, value_back) = project(Projection::Value, &normed, &positions);
        drop(normed);

        let n_heads = self.model.shape().n_heads;
        let scale = block.attention_scale();
        let (attended, attention_back) =
            attend([query, key, value], layer, self.batch, memory, n_heads, scale);
        let (attention, output) = block.attention_output(start(attended)).split();
        let attention = tap.tap(Site { layer, part: Part::Attention }, attention);

        let input = match block.is_parallel() {
            true => normed_reads,
            false => hidden.clone() + attention.clone(),
        };
        let (key, mlp_back) = block.key(start(input)).split();
        let key = tap.tap(Site { layer, part: Part::Key }, key);
        let projections = [query_back, key_back, value_back];
        let back = UntilKeyBack { norm, projections, attention: attention_back, output, key: mlp_back };
        UntilKey { hidden, attention, key, back }
    }
}

impl BlockBack<'_, '_> {
    /// Returns the gradient of the block's input, `[n_tokens, d_model]`, given that of its
    /// output, `[n_reads, d_model]`.
    pub(crate) fn pull(self, grad: Tensor<2>) -> Tensor<2> {
        let Self { block, batch, until_key: back } = self;
        let of_mlp_input = back.key.pull(block.down_projection().pullback(grad.clone()));
        // The gradients of the residual stream, of attention's output, and of what the MLP read
        // beside attention.
        let (of_hidden, of_attention, of_normed) = match block.is_parallel() {
            true => (grad.clone(), grad, Some(of_mlp_input)),
            false => {
                let sum = grad + of_mlp_input;
                (sum.clone(), sum, None)
            }
        };
        let AttentionGrad { query, key, value } = back.attention.pull(back.output.pull(of_attention), batch);
        let [query_back, key_back, value_back] = back.projections;

        let of_query = query_back.pull(query);
        let of_reads = match of_normed {
            Some(of_normed) => of_normed + of_query,
            None => of_query,
        };
        let of_normed = key_back.pull(key) + value_back.pull(value);
        batch.add_reads(back.norm.pull(batch.add_reads(of_normed, of_reads)), of_hidden)
    }
}
