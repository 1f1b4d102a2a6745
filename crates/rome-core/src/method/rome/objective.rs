//! The losses as a function of δ: the blocks above the edited layer, forward and backward.

use burn::prelude::*;

use super::capture::Capture;
use super::loss::{Loss, LossFunction};
use super::suffixes::Suffixes;
use crate::forward::transfer::upload;
use crate::forward::{
    Backward, BlockBackward, BlockPass, CacheMode, FrozenInputs, Recorded, complete, indices,
};
use crate::model::{Block, CausalLm};

/// One worker's part of what depends on δ.
pub(super) struct Objective<'a> {
    model: &'a dyn CausalLm,
    suffixes: &'a Suffixes,
    layer: usize,
    /// The first block's results for the positions that δ is not added to; nothing if it is the last block,
    /// too.
    frozen: Option<FrozenInputs>,
    shift: Shift,
    /// The packed indices of the lookup positions.
    lookups: Tensor<1, Int>,
}

/// The way that δ comes into the states that leave the edited layer.
enum Shift {
    /// It is added where this is 1, `[n_tokens, 1]`.
    Added(Tensor<2>),
    /// The block makes something of values before it adds them: the states without that, `[n_tokens, d_model]`.
    Contributed(Tensor<2>),
}

/// A forward pass and its way back.
pub(super) struct Forward<'a> {
    pub(super) loss: Loss,
    head: Backward<'a>,
    contribution: Option<Backward<'a>>,
    blocks: Vec<BlockBackward<'a, 'a>>,
}

impl<'a> Objective<'a> {
    /// Makes the objective of each worker, and its losses at the logits; the loss is their sum.
    pub(super) fn split(
        model: &'a dyn CausalLm,
        capture: &'a Capture,
        target: &[u32],
        layer: usize,
        kl_factor: f64,
    ) -> Vec<(Self, LossFunction)> {
        let device = model.device();
        let count = |of: fn(&Suffixes) -> usize| capture.suffixes.iter().map(of).sum::<usize>();
        let n_targets = count(|suffixes| suffixes.n_rows) * target.len();
        let n_kl_rows = count(|suffixes| suffixes.n_kl_rows);
        let of = |suffixes: &'a Suffixes| {
            let targets = target.iter().copied().cycle().take(suffixes.n_rows * target.len()).collect();
            let (target_share, kl_share) = (1.0 / n_targets as f64, 1.0 / n_kl_rows.max(1) as f64);
            let lookups = indices(suffixes.lookups.iter().copied(), &device);
            let frozen = (layer + 2 < model.shape().n_layers).then(|| {
                FrozenInputs::new(model, suffixes.hidden.clone(), layer + 1, &suffixes.batch, lookups.clone())
            });
            let shift = Shift::new(model.block(layer), suffixes, &lookups);
            let function = LossFunction::new(targets, target_share, kl_share, kl_factor);
            (Self { model, suffixes, layer, frozen, shift, lookups }, function)
        };
        capture.suffixes.iter().map(of).collect()
    }

    pub(super) fn forward(&self, function: &mut LossFunction, delta: Tensor<1>) -> Forward<'_> {
        let Self { model, suffixes, .. } = *self;
        let (mut hidden, contribution) = self.shifted(delta.reshape([1, -1]));
        let mut blocks = Vec::new();
        let n_layers = model.shape().n_layers;
        for layer in self.layer + 1..n_layers {
            let (batch, past) = if layer + 1 == n_layers {
                (&suffixes.last, &suffixes.last_past)
            } else {
                (&suffixes.batch, &suffixes.past)
            };
            let frozen = self.frozen.as_ref().filter(|_| layer == self.layer + 1);
            let pass = BlockPass { model, layer, batch, recorded: true, frozen };
            let (output, back) = pass.run(hidden, &mut CacheMode::Frozen(past), &mut ());
            hidden = output;
            blocks.push(back);
        }
        if blocks.is_empty() {
            hidden = suffixes.last.read(hidden);
        }
        let (logits, head) = model.head(Recorded::start(hidden)).split();
        Forward { loss: function.evaluate(logits), head, contribution, blocks }
    }

    /// Returns the states that leave the edited layer with δ, `[1, d_model]`, in them.
    fn shifted(&self, delta: Tensor<2>) -> (Tensor<2>, Option<Backward<'_>>) {
        match &self.shift {
            Shift::Added(at_lookup) => (self.suffixes.hidden.clone() + at_lookup.clone() * delta, None),
            Shift::Contributed(rest) => {
                let values = Recorded::start(self.suffixes.values.clone() + delta);
                let (added, back) = self.model.block(self.layer).contribution(values).split();
                (complete(rest, &self.lookups, added), Some(back))
            }
        }
    }

    /// Returns the gradient of δ, `[d_model]`.
    pub(super) fn backward(&self, forward: Forward<'_>) -> Tensor<1> {
        let grad = forward.head.backward(forward.loss.gradient);
        let grad = if forward.blocks.is_empty() {
            self.suffixes.last.add_reads(self.suffixes.hidden.zeros_like(), grad)
        } else {
            forward.blocks.into_iter().rev().fold(grad, |grad, block| block.backward(grad))
        };
        let of_lookups = match self.frozen {
            Some(_) => grad,
            None => grad.select(0, self.lookups.clone()),
        };
        let of_values = match forward.contribution {
            None => of_lookups,
            Some(contribution) => contribution.backward(of_lookups),
        };
        of_values.sum_dim(0).reshape([-1])
    }
}

impl Shift {
    fn new(block: &dyn Block, suffixes: &Suffixes, lookups: &Tensor<1, Int>) -> Self {
        if block.adds_value() {
            let mut at_lookup = vec![0.0f32; suffixes.batch.n_tokens()];
            for &index in &suffixes.lookups {
                at_lookup[index] = 1.0;
            }
            let shape = [at_lookup.len(), 1];
            return Self::Added(upload(at_lookup, shape, &suffixes.hidden.device()));
        }
        let added = block.contribution(suffixes.values.clone().into()).into_value();
        Self::Contributed(complete(&suffixes.hidden, lookups, added.neg()))
    }
}
