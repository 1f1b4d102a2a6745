//! One block, run forward and backward.

use burn::prelude::*;

use super::attention::{Attention, AttentionBackward, AttentionGrad, Heads};
use super::batch::Batch;
use super::cache::CacheMode;
use super::frozen::{FrozenInputs, complete};
use super::recorded::{Backward, Recorded};
use crate::model::{Block, CausalLm, Hook, HookPoint, MlpInput, Part, Projection};

/// One block to be run once.
pub struct BlockPass<'a, 'm> {
    /// The model.
    pub model: &'m dyn CausalLm,
    /// The block's index.
    pub layer: usize,
    /// The layout of its input and, if it does not pass on all, of its output.
    pub batch: &'a Batch,
    /// True if the way back is kept.
    pub recorded: bool,
    /// The inputs that were computed before, if only some positions have changed since.
    pub frozen: Option<&'a FrozenInputs>,
}

/// The way back through a block.
pub struct BlockBackward<'a, 'm> {
    block: &'m dyn Block,
    batch: &'a Batch,
    frozen: Option<&'a FrozenInputs>,
    until_key: UntilKeyBackward<'m>,
    contribution: Backward<'m>,
}

/// A block before its down projection.
struct UntilKey<'m> {
    /// The states that the block passes on, `[n_reads, d_model]`.
    hidden: Tensor<2>,
    attention: Tensor<2>,
    key: Tensor<2>,
    back: UntilKeyBackward<'m>,
}

struct UntilKeyBackward<'m> {
    norm: Backward<'m>,
    projections: [Backward<'m>; 3],
    attention: AttentionBackward,
    heads: Heads,
    output: Backward<'m>,
    key: Backward<'m>,
}

impl<'a, 'm> BlockPass<'a, 'm> {
    /// Runs the block.
    ///
    /// # Shapes
    /// - hidden: `[n_tokens, d_model]`
    /// - output: `[n_reads, d_model]`
    pub fn run(
        &self,
        hidden: Tensor<2>,
        memory: &mut CacheMode<'_>,
        hook: &mut dyn Hook,
    ) -> (Tensor<2>, BlockBackward<'a, 'm>) {
        let (block, layer) = (self.model.block(self.layer), self.layer);
        let UntilKey { hidden, attention, key, back } = self.until_key(hidden, memory, hook);
        let mlp = block.down_projection().forward(key);
        let mlp = match self.frozen {
            Some(FrozenInputs { changing, mlp: Some(frozen), .. }) => complete(frozen, changing, mlp),
            _ => mlp,
        };
        let mlp = hook.hook(HookPoint { layer, part: Part::Mlp }, mlp);
        let (mlp, contribution) = block.contribution(self.start(mlp)).split();
        let hidden = hook.hook(HookPoint { layer, part: Part::Block }, hidden + attention + mlp);
        let (batch, frozen) = (self.batch, self.frozen);
        (hidden, BlockBackward { block, batch, frozen, until_key: back, contribution })
    }

    /// Keeps the keys and values of attention in memory, and computes no more than these.
    pub(crate) fn remember(&self, hidden: Tensor<2>, memory: &mut CacheMode<'_>) {
        let block = self.model.block(self.layer);
        let normed = block.norm(hidden.into()).into_value();
        let positions = self.batch.positions();
        let [key, value] = [Projection::Key, Projection::Value]
            .map(|projection| block.project(projection, normed.clone().into(), &positions).into_value());
        memory.keep(self.layer, &key, &value);
    }

    /// Runs the block up to its down projection, whose input it returns, `[n_reads, d_ff]`.
    pub(super) fn key(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.until_key(hidden, &mut CacheMode::None, &mut ()).key
    }

    /// Starts the chain of a layer.
    fn start<'c>(&self, state: Tensor<2>) -> Recorded<'c> {
        if self.recorded { Recorded::start(state) } else { Recorded::from(state) }
    }

    fn until_key(&self, hidden: Tensor<2>, memory: &mut CacheMode<'_>, hook: &mut dyn Hook) -> UntilKey<'m> {
        let block = self.model.block(self.layer);
        let layer = self.layer;
        let (entering, positions) = match self.frozen {
            None => (hidden.clone(), self.batch.positions()),
            Some(frozen) => (hidden.clone().select(0, frozen.changing.clone()), frozen.positions.clone()),
        };
        let (normed, norm) = block.norm(self.start(entering.clone())).split();
        let (hidden, normed_reads, read_positions) = match self.frozen {
            None => (self.batch.read(hidden), self.batch.read(normed.clone()), self.batch.read_positions()),
            Some(_) => (hidden, normed.clone(), positions.clone()),
        };
        let project = |projection, normed: &Tensor<2>, positions| {
            block.project(projection, self.start(normed.clone()), positions).split()
        };
        let (query, query_back) = project(Projection::Query, &normed_reads, &read_positions);
        let (key, key_back) = project(Projection::Key, &normed, &positions);
        let (value, value_back) = project(Projection::Value, &normed, &positions);
        drop(normed);
        let projected = match self.frozen {
            None => [query, key, value],
            Some(FrozenInputs { changing, projections: [queries, keys, values], .. }) => {
                [(queries, query), (keys, key), (values, value)]
                    .map(|(all, moved)| complete(all, changing, moved))
            }
        };

        let heads = Heads { n_heads: self.model.shape().n_heads, n_kv_heads: self.model.shape().n_kv_heads };
        let attention = Attention { layer, batch: self.batch, heads, rule: block.attention_rule() };
        let (attended, attention_back) = if self.recorded {
            attention.record(projected, memory)
        } else {
            (attention.run(projected, memory), AttentionBackward::none())
        };
        let (attention, output) = block.attention_output(self.start(attended)).split();
        let attention = hook.hook(HookPoint { layer, part: Part::Attention }, attention);

        let input = match block.mlp_input() {
            MlpInput::Sum => hidden.clone() + attention.clone(),
            MlpInput::Normed => normed_reads,
            // Where nothing else changes, only what does.
            MlpInput::Hidden if self.frozen.is_some() => entering,
            MlpInput::Hidden => hidden.clone(),
        };
        let (key, mlp_back) = block.key(self.start(input)).split();
        let key = hook.hook(HookPoint { layer, part: Part::Key }, key);
        let projections = [query_back, key_back, value_back];
        let back =
            UntilKeyBackward { norm, projections, attention: attention_back, heads, output, key: mlp_back };
        UntilKey { hidden, attention, key, back }
    }
}

impl BlockBackward<'_, '_> {
    /// Returns the gradient of the block's input, `[n_tokens, d_model]`, or only that of the
    /// positions that move, given that of its output, `[n_reads, d_model]`.
    pub fn backward(self, grad: Tensor<2>) -> Tensor<2> {
        let Self { block, batch, frozen, until_key: back, contribution } = self;
        let changing = |grad: Tensor<2>| match frozen {
            None => grad,
            Some(frozen) => grad.select(0, frozen.changing.clone()),
        };
        let of_value = contribution.backward(grad.clone());
        let pull_mlp = |grad| back.key.backward(block.down_projection().pullback(grad));
        // The gradients of the residual stream, of attention's output, and of what the MLP read
        // beside attention.
        let (of_hidden, of_attention, of_normed) = match block.mlp_input() {
            MlpInput::Sum => {
                let sum = grad + pull_mlp(of_value);
                (changing(sum.clone()), sum, None)
            }
            MlpInput::Normed => (changing(grad.clone()), grad, Some(pull_mlp(changing(of_value)))),
            MlpInput::Hidden => (changing(grad.clone()) + pull_mlp(changing(of_value)), grad, None),
        };
        let AttentionGrad { query, key, value } =
            back.attention.backward(back.output.backward(of_attention), batch, back.heads);
        let [query_back, key_back, value_back] = back.projections;

        let of_query = query_back.backward(changing(query));
        let of_reads = match of_normed {
            Some(of_normed) => of_normed + of_query,
            None => of_query,
        };
        let of_normed = key_back.backward(changing(key)) + value_back.backward(changing(value));
        batch.add_reads(back.norm.backward(batch.add_reads(of_normed, of_reads)), of_hidden)
    }
}
