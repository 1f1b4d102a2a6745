//! The losses as a function of δ: the blocks above the edited layer, forward and backward.

use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;

use super::capture::Capture;
use super::loss::{KlRead, Loss, LossFunction, TargetRead};
use super::suffixes::{SuffixRow, Suffixes};
use crate::forward::{
    Backward, BlockBackward, BlockPass, CacheMode, FrozenInputs, Recorded, complete, indices,
};
use crate::model::{Block, CausalLm};

/// One worker's part of what depends on δ, which is one vector for each request.
pub(super) struct Objective<'m> {
    model: &'m dyn CausalLm,
    suffixes: Suffixes,
    layer: usize,
    /// The first block's results for the positions that δ is not added to; nothing if it is the last block,
    /// too.
    frozen: Option<FrozenInputs>,
    /// The states without what the block makes of values before it adds them, `[n_tokens, d_model]`; nothing if it
    /// adds them as they are, and δ with them.
    rest: Option<Tensor<2>>,
    /// The packed indices of the lookup positions, `[n_rows]`.
    lookups: Tensor<1, Int>,
    /// The request of each, `[n_rows]`.
    owners: Tensor<1, Int>,
}

/// A forward pass and its way back.
pub(super) struct Forward<'a> {
    pub(super) loss: Loss,
    head: Backward<'a>,
    contribution: Option<Backward<'a>>,
    blocks: Vec<BlockBackward<'a, 'a>>,
}

impl<'m> Objective<'m> {
    /// Makes the objective of each worker, and its losses at the logits; the losses are their sums.
    pub(super) fn split(
        model: &'m dyn CausalLm,
        capture: &Capture,
        layer: usize,
        kl_factor: f64,
    ) -> Vec<(Self, LossFunction)> {
        let of_worker = |suffixes: &Suffixes| {
            let function = loss_function(capture, &suffixes.rows, kl_factor);
            (Self::new(model, suffixes.clone(), layer), function)
        };
        capture.suffixes.iter().map(of_worker).collect()
    }

    fn new(model: &'m dyn CausalLm, suffixes: Suffixes, layer: usize) -> Self {
        let device = model.device();
        let lookups = indices(suffixes.lookups(), &device);
        let owners = indices(suffixes.rows.iter().map(|row| row.owner), &device);
        let frozen = (layer + 2 < model.shape().n_layers).then(|| {
            FrozenInputs::new(model, suffixes.hidden.clone(), layer + 1, &suffixes.batch, lookups.clone())
        });
        let rest = rest(model.block(layer), &suffixes, &lookups);
        Self { model, suffixes, layer, frozen, rest, lookups, owners }
    }

    /// The objective of some requests alone, which get the numbers that `owners` gives them.
    pub(super) fn keep(&self, owners: &[Option<usize>]) -> Self {
        Self::new(self.model, self.suffixes.keep(self.model, self.layer, owners), self.layer)
    }

    /// Evaluates the losses.
    ///
    /// # Shapes
    /// - delta: `[n_requests, d_model]`
    pub(super) fn forward(&self, function: &mut LossFunction, delta: Tensor<2>) -> Forward<'_> {
        let Self { model, suffixes, .. } = self;
        let (mut hidden, contribution) = self.shifted(delta.select(0, self.owners.clone()));
        let mut blocks = Vec::new();
        let n_layers = model.shape().n_layers;
        for layer in self.layer + 1..n_layers {
            let (batch, past) = if layer + 1 == n_layers {
                (&suffixes.last, &suffixes.last_past)
            } else {
                (&suffixes.batch, &suffixes.past)
            };
            let frozen = self.frozen.as_ref().filter(|_| layer == self.layer + 1);
            let pass = BlockPass { model: *model, layer, batch, recorded: true, frozen };
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

    /// Returns the states that leave the edited layer with the shift of each row, `[n_rows, d_model]`, in them.
    fn shifted(&self, delta: Tensor<2>) -> (Tensor<2>, Option<Backward<'_>>) {
        match &self.rest {
            None => (complete(&self.suffixes.hidden, &self.lookups, delta), None),
            Some(rest) => {
                let values = Recorded::start(self.suffixes.values.clone() + delta);
                let (added, back) = self.model.block(self.layer).contribution(values).split();
                (complete(rest, &self.lookups, added), Some(back))
            }
        }
    }

    /// Returns the gradient of each request's δ, `[n_requests, d_model]`.
    pub(super) fn backward(&self, forward: Forward<'_>, n_requests: usize) -> Tensor<2> {
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
        if n_requests == 1 {
            return of_values.sum_dim(0);
        }
        let [_, d_model] = of_values.dims();
        let zeros = Tensor::zeros([n_requests, d_model], &of_values.device());
        zeros.select_assign(0, self.owners.clone(), of_values, IndexingUpdateOp::Add)
    }
}

/// The losses that a worker's rows are read for.
fn loss_function(capture: &Capture, rows: &[SuffixRow], kl_factor: f64) -> LossFunction {
    let (mut targets, mut kl_reads) = (Vec::new(), Vec::new());
    for &SuffixRow { owner, predicts_target, is_prefixed, .. } in rows {
        let request = &capture.requests[owner];
        if predicts_target {
            let share = 1.0 / (request.keys.len() * request.target.len()) as f64;
            let is_counted = is_prefixed || request.keys.len() == 1;
            targets.extend(request.target.iter().map(|&token| TargetRead {
                owner,
                token,
                share,
                is_counted,
            }));
        } else {
            kl_reads.push(KlRead { owner, share: 1.0 / request.n_kl_rows as f64 });
        }
    }
    LossFunction::new(targets, kl_reads, capture.requests.len(), kl_factor)
}

/// The states without what a block makes of values before it adds them; nothing if it adds them as they are.
fn rest(block: &dyn Block, suffixes: &Suffixes, lookups: &Tensor<1, Int>) -> Option<Tensor<2>> {
    if block.adds_value() {
        return None;
    }
    let added = block.contribution(suffixes.values.clone().into()).into_value();
    Some(complete(&suffixes.hidden, lookups, added.neg()))
}
