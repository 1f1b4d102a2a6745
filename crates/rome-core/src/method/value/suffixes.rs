//! Suffixes of requests' rows, as they leave the edited layer.

use burn::prelude::*;

use crate::forward::{Batch, KvCache, Past, indices};
use crate::model::CausalLm;

/// The rows from the lookup index on, as they leave the edited layer: what each step of v* runs.
#[derive(Clone)]
pub(super) struct Suffixes {
    /// `[n_tokens, d_model]`
    pub(super) hidden: Tensor<2>,
    /// The values at the lookup positions, `[n_rows, d_model]`.
    pub(super) values: Tensor<2>,
    pub(super) batch: Batch,
    /// The layout in the last block: it passes on the positions that predict a target, row by
    /// row, then one position of each KL row.
    pub(super) last: Batch,
    pub(super) past: Past,
    pub(super) last_past: Past,
    /// The rows, those that predict a target first.
    pub(super) rows: Vec<SuffixRow>,
    /// The cached positions before each suffix.
    cache: KvCache,
}

/// A suffix in its row, and the positions of it that a loss reads.
#[derive(Debug, Clone)]
pub(super) struct SuffixRow {
    /// The number of its request, of those that are optimised together.
    pub(super) owner: usize,
    /// The number of its tokens.
    pub(super) len: usize,
    /// The lookup index in it.
    pub(super) lookup: usize,
    /// The offsets in it that a loss reads.
    pub(super) reads: Vec<usize>,
    /// True if these predict the target; otherwise their predictions are to stay.
    pub(super) predicts_target: bool,
    /// True if something stands before the prompt.
    pub(super) is_prefixed: bool,
}

impl Suffixes {
    /// Lays out suffixes of states that leave layer `layer`, with the values at their lookup positions.
    pub(super) fn new(
        model: &dyn CausalLm,
        layer: usize,
        [hidden, values]: [Tensor<2>; 2],
        cache: KvCache,
        rows: Vec<SuffixRow>,
    ) -> Self {
        let (device, n_layers) = (model.device(), model.shape().n_layers);
        let n_kv_heads = model.shape().n_kv_heads;
        let lens: Vec<usize> = rows.iter().map(|row| row.len).collect();
        let reads: Vec<Vec<usize>> = rows.iter().map(|row| row.reads.clone()).collect();
        let batch = Batch::continuing(cache.slots(), &lens, &device);
        let last = Batch::reading(cache.slots(), &lens, &reads, &device);
        let last_layer = (n_layers - 1).max(layer + 1);
        Self {
            hidden,
            values,
            past: Past::new(&cache, layer + 1..last_layer, &batch, n_kv_heads),
            last_past: Past::new(&cache, last_layer..n_layers, &last, n_kv_heads),
            batch,
            last,
            rows,
            cache,
        }
    }

    /// The packed index of the lookup position of each row.
    pub(super) fn lookups(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().enumerate().map(|(index, row)| self.batch.index(index, row.lookup))
    }

    /// The rows of some requests alone, which get the numbers that `owners` gives them.
    pub(super) fn keep(&self, model: &dyn CausalLm, layer: usize, owners: &[Option<usize>]) -> Self {
        let kept: Vec<usize> =
            (0..self.rows.len()).filter(|&row| owners[self.rows[row].owner].is_some()).collect();
        let device = &self.hidden.device();
        let tokens = kept.iter().flat_map(|&row| {
            let first = self.batch.index(row, 0);
            first..first + self.rows[row].len
        });
        let hidden = self.hidden.clone().select(0, indices(tokens, device));
        let values = self.values.clone().select(0, indices(kept.iter().copied(), device));
        let renumbered = |&row: &usize| {
            let row = &self.rows[row];
            SuffixRow { owner: owners[row.owner].unwrap_or_default(), ..row.clone() }
        };
        let rows = kept.iter().map(renumbered).collect();
        Self::new(model, layer, [hidden, values], self.cache.fork(&kept), rows)
    }
}
