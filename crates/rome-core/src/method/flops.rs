//! The floating-point operations that an edit needs, to judge its speed by.

use std::ops::AddAssign;

use crate::model::CausalLm;
use crate::request::{Row, TokenizedRequest};

/// The operations of the products that an edit cannot do without; a multiplication and an
/// addition count as two. What is linear in the width (norms, activations, sums) is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flops {
    /// Running the rows once and filling the cache.
    pub capture: u64,
    /// One evaluation of the loss.
    pub forward: u64,
    /// One gradient.
    pub backward: u64,
}

/// The positions of one row from the lookup index on, as v* needs them.
struct Suffix {
    /// Positions before the suffix, in the cache.
    past: u64,
    /// Positions of the suffix.
    tokens: u64,
    /// The positions that a loss reads, at the end of the suffix.
    reads: u64,
}

impl Flops {
    /// Counts what an edit of layer `layer` needs.
    ///
    /// In the first block above the layer only the lookup position depends on δ, so queries, keys
    /// and values of the others, and in a parallel block their MLPs, are constant over the steps;
    /// in the last block only the positions that a loss reads go on.
    pub fn of(model: &dyn CausalLm, request: &TokenizedRequest, layer: usize) -> Self {
        let shape = model.shape();
        let (d, d_ff) = (shape.d_model as u64, shape.d_ff as u64);
        // The widths of queries, and of keys or values.
        let (d_query, d_kv) =
            ((shape.n_heads * shape.head_dim) as u64, (shape.n_kv_heads * shape.head_dim) as u64);
        let n_target = request.target.len();
        let (query, kv) = (2 * d * d_query, 2 * d * d_kv);
        let mlp = 2 * d * d_ff * model.block(layer).n_mlp_products() as u64;
        let block =
            |tokens: u64| tokens * (2 * query + 2 * kv + mlp) + 4 * d_query * (tokens * (tokens + 1) / 2);

        let mut flops = Self::default();
        let kl_rows = request.kl_rows.iter().map(|row| (row, None));
        for (row, targets) in request.rows.iter().map(|row| (row, Some(n_target))).chain(kl_rows) {
            let suffix = Suffix::new(row, targets);
            // KlPrompt rows end at their lookup index.
            let whole = suffix.past + suffix.tokens;
            let above = (shape.n_layers - layer - 1) as u64;
            flops.capture += (layer as u64 + 1) * block(whole);
            if above > 0 && suffix.past > 0 {
                flops.capture += (above - 1) * block(suffix.past) + 2 * kv * suffix.past;
            }
            for index in layer + 1..shape.n_layers {
                let reads = if index + 1 == shape.n_layers { suffix.reads } else { suffix.tokens };
                let moving = if index == layer + 1 { 1 } else { suffix.tokens };
                let parallel = model.block(index).mlp_input().is_parallel();
                let mlps = if parallel { reads.min(moving) } else { reads };
                let linear = 2 * kv * moving + query * (reads.min(moving) + reads) + mlp * mlps;
                flops += Self {
                    capture: 0,
                    forward: linear + 4 * d_query * suffix.visible(reads),
                    // Of the past, no gradient is asked for keys and values.
                    backward: linear
                        + 4 * d_query * (suffix.visible(reads) + suffix.visible_of_suffix(reads)),
                };
            }
            let head = 2 * d * shape.vocab_size as u64 * suffix.reads;
            flops += Self { capture: 0, forward: head, backward: head };
        }
        flops
    }

    /// The operations of an optimisation that evaluates the loss this many times, and takes its
    /// gradient after each evaluation but the last.
    pub fn optimise(&self, evaluations: usize) -> u64 {
        let evaluations = evaluations as u64;
        evaluations * self.forward + evaluations.saturating_sub(1) * self.backward
    }
}

impl AddAssign for Flops {
    fn add_assign(&mut self, other: Self) {
        self.capture += other.capture;
        self.forward += other.forward;
        self.backward += other.backward;
    }
}

impl Suffix {
    /// `targets` is the number of positions that predict the target, or nothing for a
    /// KL row, which is read at its lookup index.
    fn new(row: &Row, targets: Option<usize>) -> Self {
        let (past, tokens, reads) = match targets {
            Some(targets) => {
                let start = row.lookup.min(row.tokens.len() - targets);
                (start, row.tokens.len() - start, targets)
            }
            None => (row.lookup, 1, 1),
        };
        Self { past: past as u64, tokens: tokens as u64, reads: reads as u64 }
    }

    /// The pairs of a query and a key that it sees, for the last `reads` positions.
    fn visible(&self, reads: u64) -> u64 {
        reads * self.past + self.visible_of_suffix(reads)
    }

    fn visible_of_suffix(&self, reads: u64) -> u64 {
        (self.tokens - reads + 1..=self.tokens).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_sees_the_past_and_the_suffix_up_to_itself() {
        let suffix = Suffix { past: 10, tokens: 3, reads: 1 };
        assert_eq!(suffix.visible(3), 11 + 12 + 13);
        assert_eq!(suffix.visible(1), 13);
        assert_eq!(suffix.visible_of_suffix(3), 1 + 2 + 3);
    }
}
