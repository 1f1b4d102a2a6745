//! The forward pass, cut anywhere: `embed → blocks → head`, and its way back.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;

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
        Pass { model, layer, batch, recorded: false, still: None }.run(hidden, &mut memory, tap).0
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
pub fn fill(
    model: &dyn CausalLm,
    hidden: Tensor<2>,
    layers: Range<usize>,
    batch: &Batch,
    cache: &mut KvCache,
) {
    let Some(last) = layers.clone().last() else { return };
    let mut memory = Memory::Extend(cache);
    let pass = |layer| Pass { model, layer, batch, recorded: false, still: None };
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
    let pass = Pass { model, layer, batch, recorded: false, still: None };
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

/// One block to be run once.
pub struct Pass<'a, 'm> {
    /// The model.
    pub model: &'m dyn CausalLm,
    /// The block's index.
    pub layer: usize,
    /// The layout of its input and, if it does not pass on all, of its output.
    pub batch: &'a Batch,
    /// Whether the way back is kept.
    pub recorded: bool,
    /// What has been computed already, if only some positions have changed since.
    pub still: Option<&'a Still>,
}

/// The way back through a block.
pub struct BlockBack<'a, 'm> {
    block: &'m dyn Block,
    batch: &'a Batch,
    still: Option<&'a Still>,
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
    /// Runs the block.
    ///
    /// # Shapes
    /// - hidden: `[n_tokens, d_model]`
    /// - output: `[n_reads, d_model]`
    pub fn run(
        &self,
        hidden: Tensor<2>,
        memory: &mut Memory<'_>,
        tap: &mut dyn Tap,
    ) -> (Tensor<2>, BlockBack<'a, 'm>) {
        let (block, layer) = (self.model.block(self.layer), self.layer);
        let UntilKey { hidden, attention, key, back } = self.until_key(hidden, memory, tap);
        let mlp = block.down_projection().forward(key);
        let mlp = match self.still {
            Some(Still { moving, mlp: Some(still), .. }) => complete(still, moving, mlp),
            _ => mlp,
        };
        let mlp = tap.tap(Site { layer, part: Part::Mlp }, mlp);
        let hidden = tap.tap(Site { layer, part: Part::Block }, hidden + attention + mlp);
        (hidden, BlockBack { block, batch: self.batch, still: self.still, until_key: back })
    }

    /// Keeps the keys and values of attention in memory, and computes no more than these.
    pub(crate) fn remember(&self, hidden: Tensor<2>, memory: &mut Memory<'_>) {
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

        let (entering, positions) = match self.still {
            None => (hidden.clone(), self.batch.positions()),
            Some(still) => (hidden.clone().select(0, still.moving.clone()), still.positions.clone()),
        };
        let (normed, norm) = block.norm(start(entering)).split();
        let (hidden, normed_reads, read_positions) = match self.still {
            None => (self.batch.read(hidden), self.batch.read(normed.clone()), self.batch.read_positions()),
            Some(_) => (hidden, normed.clone(), positions.clone()),
        };
        let project = |projection, normed: &Tensor<2>, positions| {
            block.project(projection, start(normed.clone()), positions).split()
        };
        let (query, query_back) = project(Projection::Query, &normed_reads, &read_positions);
        let (key, key_back) = project(Projection::Key, &normed, &positions);
        let (value, value_back) = project(Projection::Value, &normed, &positions);
        drop(normed);
        let projected = match self.still {
            None => [query, key, value],
            Some(Still { moving, projections: [queries, keys, values], .. }) => {
                [(queries, query), (keys, key), (values, value)]
                    .map(|(all, moved)| complete(all, moving, moved))
            }
        };

        let n_heads = self.model.shape().n_heads;
        let scale = block.attention_scale();
        let (attended, attention_back) =
            attend(projected, layer, self.batch, memory, n_heads, scale, recorded);
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
    /// Returns the gradient of the block's input, `[n_tokens, d_model]`, or only that of the
    /// positions that move, given that of its output, `[n_reads, d_model]`.
    pub fn pull(self, grad: Tensor<2>) -> Tensor<2> {
        let Self { block, batch, still, until_key: back } = self;
        let moving = |grad: Tensor<2>| match still {
            None => grad,
            Some(still) => grad.select(0, still.moving.clone()),
        };
        // The gradients of the residual stream, of attention's output, and of what the MLP read
        // beside attention.
        let pull_mlp = |grad| back.key.pull(block.down_projection().pullback(grad));
        let (of_hidden, of_attention, of_normed) = match block.is_parallel() {
            true => (grad.clone(), grad.clone(), Some(pull_mlp(moving(grad)))),
            false => {
                let sum = grad.clone() + pull_mlp(grad);
                (sum.clone(), sum, None)
            }
        };
        let AttentionGrad { query, key, value } = back.attention.pull(back.output.pull(of_attention), batch);
        let [query_back, key_back, value_back] = back.projections;

        let of_query = query_back.pull(moving(query));
        let of_reads = match of_normed {
            Some(of_normed) => of_normed + of_query,
            None => of_query,
        };
        let of_normed = key_back.pull(moving(key)) + value_back.pull(moving(value));
        batch.add_reads(back.norm.pull(batch.add_reads(of_normed, of_reads)), moving(of_hidden))
    }
}

/// What a block has computed of an input of which only some positions change: in the first block
/// above an edited layer, all but the lookup positions are the same in every step.
pub struct Still {
    /// The packed indices of the positions that change.
    moving: Tensor<1, Int>,
    /// Their places in their sequences.
    positions: Tensor<1, Int>,
    /// Queries, keys and values, zero where they change.
    projections: [Tensor<2>; 3],
    /// The output of the MLP, zero where it changes, if that depends on each position alone.
    mlp: Option<Tensor<2>>,
}

impl Still {
    /// Runs block `layer` on its input, `[n_tokens, d_model]`, but for attention.
    pub fn new(
        model: &dyn CausalLm,
        hidden: Tensor<2>,
        layer: usize,
        batch: &Batch,
        moving: Tensor<1, Int>,
    ) -> Self {
        let block = model.block(layer);
        let without_moving = |all: Tensor<2>| {
            let rows = all.clone().select(0, moving.clone());
            all.select_assign(0, moving.clone(), rows.neg(), IndexingUpdateOp::Add)
        };
        let normed = block.norm(hidden.into()).into_value();
        let positions = batch.positions();
        let projections = [Projection::Query, Projection::Key, Projection::Value].map(|projection| {
            let projected = block.project(projection, normed.clone().into(), &positions);
            without_moving(projected.into_value())
        });
        let mlp = block.is_parallel().then(|| {
            let key = block.key(normed.into()).into_value();
            without_moving(block.down_projection().forward(key))
        });
        Self { positions: positions.select(0, moving.clone()), moving, projections, mlp }
    }
}

/// Puts what has changed into what has not.
fn complete(still: &Tensor<2>, moving: &Tensor<1, Int>, moved: Tensor<2>) -> Tensor<2> {
    still.clone().select_assign(0, moving.clone(), moved, IndexingUpdateOp::Add)
}
