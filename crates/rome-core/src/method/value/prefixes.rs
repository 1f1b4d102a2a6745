//! Prefixes of requests' rows, kept for later requests.

use burn::prelude::*;

use crate::forward::{Batch, CacheMode, ForwardPass, KvCache, fill, indices};
use crate::model::CausalLm;

/// The positions before the lookup indices, as one request has run them at one layer.
///
/// Requests share their contexts, so their rows begin alike. A later request takes over the keys
/// and values of attention at the positions that it has in common with this one, and runs the rest.
#[derive(Clone)]
pub struct Prefixes {
    workers: Vec<WorkerPrefixes>,
    extent: Extent,
}

/// The layers up to which a prefix is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
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

    /// The prefixes that a worker takes over, one of `n_workers`. Rows go to the same worker as before, unless there
    /// are more or fewer of them.
    pub(super) fn of_worker(&self, worker: usize, n_workers: usize) -> Option<KnownPrefixes<'_>> {
        let is_same = self.workers.len() == n_workers;
        is_same.then(|| KnownPrefixes { of: &self.workers[worker], extent: self.extent })
    }
}

/// Prefixes that a worker takes over.
#[derive(Clone, Copy)]
pub(super) struct KnownPrefixes<'a> {
    of: &'a WorkerPrefixes,
    extent: Extent,
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

impl KnownPrefixes<'_> {
    /// Returns what rows have in common with these, given their tokens before the suffixes: each with the row
    /// that it shares most with. What is above the layer is run again unless it still holds.
    pub(super) fn positions(self, model: &dyn CausalLm, layer: usize, rows: &[&[u32]]) -> KnownPositions {
        let n_layers = model.shape().n_layers;
        if self.of.known.iter().any(|&known| known > 0) {
            return KnownPositions::none(n_layers, rows.len());
        }
        let (sources, lens): (Vec<usize>, Vec<usize>) = rows.iter().map(|row| self.of.longest(row)).unzip();
        let lower = self.of.lower.fork(&sources).fork_until(&lens);
        let upper = match self.extent {
            Extent::AllLayers => self.of.upper.fork(&sources).fork_until(&lens),
            Extent::BelowMlp => self.of.rerun_above(model, layer, &lens, &lower),
        };
        KnownPositions { lens, lower, upper }
    }
}

impl WorkerPrefixes {
    /// The row that has most positions in common with these tokens, the first one of equals, and their number.
    fn longest(&self, tokens: &[u32]) -> (usize, usize) {
        let common = |theirs: &Vec<u32>| tokens.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        let lens = self.rows.iter().map(common).enumerate();
        lens.fold((0, 0), |best, (row, len)| if len > best.1 { (row, len) } else { best })
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
