//! What the rows of a request leave behind for later ones.

use burn::prelude::*;

use crate::batch::indices;
use crate::{Batch, CausalLm, KvCache, Memory, forward};

/// The positions before the lookup indices, as one request has run them at one layer.
///
/// Requests share their contexts, so their rows begin alike. A later request takes over the keys
/// and values of attention at the positions that it has in common with this one, and runs the rest.
#[derive(Clone)]
pub struct Prefixes {
    /// By worker.
    pub(crate) workers: Vec<Earlier>,
    /// Whether what was run above the layer still holds.
    pub(crate) above: bool,
}

impl Prefixes {
    /// Returns what still holds once the layer itself has been edited: all that is below its MLP.
    #[must_use]
    pub fn below(&self) -> Self {
        Self { workers: self.workers.clone(), above: false }
    }
}

/// One worker's rows.
#[derive(Clone)]
pub(crate) struct Earlier {
    /// The tokens before each row's suffix.
    pub(crate) rows: Vec<Vec<u32>>,
    /// How many of them had been taken over from a request before; only the others are here.
    pub(crate) known: Vec<usize>,
    /// Up to the edited layer, suffixes included.
    pub(crate) lower: KvCache,
    /// The states that entered the edited block, by slot of `lower`, `[n_slots, d_model]`.
    pub(crate) entering: Tensor<2>,
    /// Above the edited layer, without suffixes.
    pub(crate) upper: KvCache,
}

/// What rows have in common with those of an earlier request.
pub(crate) struct Known {
    /// The number of positions of each row.
    pub(crate) lens: Vec<usize>,
    /// Their keys and values up to the edited layer.
    pub(crate) lower: KvCache,
    /// Their keys and values above it.
    pub(crate) upper: KvCache,
}

impl Known {
    pub(crate) fn nothing(n_layers: usize, n_rows: usize) -> Self {
        let cache = KvCache::new(n_layers, n_rows);
        Self { lens: vec![0; n_rows], lower: cache.clone(), upper: cache }
    }
}

impl Earlier {
    /// Finds what rows have in common with these, given their tokens before the suffixes. What is
    /// above the layer is run anew unless it still holds.
    pub(crate) fn known(&self, model: &dyn CausalLm, layer: usize, rows: &[&[u32]], above: bool) -> Known {
        let n_layers = model.shape().n_layers;
        if rows.len() != self.rows.len() || self.known.iter().any(|&known| known > 0) {
            return Known::nothing(n_layers, rows.len());
        }
        let common = |(ours, theirs): (&&[u32], &Vec<u32>)| {
            ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count()
        };
        let lens: Vec<usize> = rows.iter().zip(&self.rows).map(common).collect();
        let lower = self.lower.fork_until(&lens);
        let upper = match above {
            true => self.upper.fork_until(&lens),
            false => self.rerun_above(model, layer, &lens, &lower),
        };
        Known { lens, lower, upper }
    }

    /// Runs the edited block and those above it on positions that entered it before.
    fn rerun_above(&self, model: &dyn CausalLm, layer: usize, lens: &[usize], lower: &KvCache) -> KvCache {
        let (device, n_layers) = (model.device(), model.shape().n_layers);
        let mut upper = KvCache::new(n_layers, lens.len());
        if lens.iter().any(|&len| len > 0) {
            let batch = Batch::new(lens, &device);
            let slots = indices(lower.slots().iter().flatten().copied(), &device);
            let entering = self.entering.clone().select(0, slots);
            let hidden = forward::blocks(model, entering, layer..layer + 1, &batch, Memory::None, &mut ());
            forward::fill(model, hidden, layer + 1..n_layers, &batch, &mut upper);
        }
        upper
    }
}
