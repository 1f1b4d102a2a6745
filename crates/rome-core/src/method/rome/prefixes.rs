//! Prefixes of a request's rows, kept for later requests.

use burn::prelude::*;

use crate::forward::{Batch, CacheMode, ForwardPass, KvCache, fill, indices};
use crate::model::CausalLm;

/// The positions before the lookup indices, as one request has run them at one layer.
///
/// Requests share their contexts, so their rows begin alike. A later request takes over the keys
/// and values of attention at the positions that it has in common with this one, and runs the rest.
#[derive(Clone)]
pub struct Prefixes {
    pub(super) workers: Vec<WorkerPrefixes>,
    pub(super) extent: Extent,
}

/// The layers up to which a prefix is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Below the MLP of the edited layer.
    BelowMlp,
    /// Through all layers.
    AllLayers,
}

impl Prefixes {
    pub(super) fn new(workers: Vec<WorkerPrefixes>) -> Self {
        Self { workers, extent: Extent::AllLayers }
    }

    /// Returns what still holds once the layer itself has been edited: all that is below its MLP.
    #[must_use]
    pub fn below(&self) -> Self {
        Self { workers: self.workers.clone(), extent: Extent::BelowMlp }
    }
}

/// One worker's rows.
#[derive(Clone)]
pub(super) struct WorkerPrefixes {
    /// The tokens before each row's suffix.
    pub(super) rows: Vec<Vec<u32>>,
    /// The number of positions of each row that came from an earlier request; only the others are here.
    pub(super) known: Vec<usize>,
    /// Up to the edited layer, suffixes included.
    pub(super) lower: KvCache,
    /// The states that entered the edited block, by slot of `lower`, `[n_slots, d_model]`.
    pub(super) entering: Tensor<2>,
    /// Above the edited layer, without suffixes.
    pub(super) upper: KvCache,
}

/// The positions that rows have in common with those of an earlier request.
pub(super) struct KnownPositions {
    /// The number of positions of each row.
    pub(super) lens: Vec<usize>,
    /// Their keys and values up to the edited layer.
    pub(super) lower: KvCache,
    /// Their keys and values above it.
    pub(super) upper: KvCache,
}

impl KnownPositions {
    pub(super) fn none(n_layers: usize, n_rows: usize) -> Self {
        let cache = KvCache::new(n_layers, n_rows);
        Self { lens: vec![0; n_rows], lower: cache.clone(), upper: cache }
    }
}

impl WorkerPrefixes {
    /// Returns what rows have in common with these, given their tokens before the suffixes. What is
    /// above the layer is run again unless it still holds.
    pub(super) fn known(
        &self,
        model: &dyn CausalLm,
        layer: usize,
        rows: &[&[u32]],
        extent: Extent,
    ) -> KnownPositions {
        let n_layers = model.shape().n_layers;
        if rows.len() != self.rows.len() || self.known.iter().any(|&known| known > 0) {
            return KnownPositions::none(n_layers, rows.len());
        }
        let common = |(ours, theirs): (&&[u32], &Vec<u32>)| {
            ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count()
        };
        let lens: Vec<usize> = rows.iter().zip(&self.rows).map(common).collect();
        let lower = self.lower.fork_until(&lens);
        let upper = match extent {
            Extent::AllLayers => self.upper.fork_until(&lens),
            Extent::BelowMlp => self.rerun_above(model, layer, &lens, &lower),
        };
        KnownPositions { lens, lower, upper }
    }

    /// Runs the edited block and those above it on positions that entered it before.
    fn rerun_above(&self, model: &dyn CausalLm, layer: usize, lens: &[usize], lower: &KvCache) -> KvCache {
        let (device, n_layers) = (model.device(), model.shape().n_layers);
        let mut upper = KvCache::new(n_layers, lens.len());
        if lens.iter().any(|&len| len > 0) {
            let batch = Batch::new(lens, &device);
            let slots = indices(lower.slots().iter().flatten().copied(), &device);
            let entering = self.entering.clone().select(0, slots);
            let hidden = ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut () }
                .run(entering, layer..layer + 1);
            fill(model, hidden, layer + 1..n_layers, &batch, &mut upper);
        }
        upper
    }
}
