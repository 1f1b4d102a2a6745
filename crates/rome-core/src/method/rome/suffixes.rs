//! The rows from the lookup index on, as they leave the edited layer.

use burn::prelude::*;

use crate::forward::{Batch, KvCache, Past};
use crate::model::CausalLm;

/// The rows from the lookup index on, as they leave the edited layer: what each step of v* runs.
pub(super) struct Suffixes {
    /// `[n_tokens, d_model]`
    pub(super) hidden: Tensor<2>,
    /// The values at the lookup positions, `[n_rows + n_kl_rows, d_model]`.
    pub(super) values: Tensor<2>,
    pub(super) batch: Batch,
    /// The layout in the last block: it passes on the positions that predict the target, row by
    /// row, then one position of each KL row.
    pub(super) last: Batch,
    pub(super) past: Past,
    pub(super) last_past: Past,
    /// The packed index of the lookup position of each row, KL rows included.
    pub(super) lookups: Vec<usize>,
    /// The number of rows that predict the target.
    pub(super) n_rows: usize,
    /// The number of KL rows.
    pub(super) n_kl_rows: usize,
}

/// The positions of suffixes in their rows, and those that a loss reads.
pub(super) struct SuffixLayout<'a> {
    /// The cached positions before each suffix.
    pub(super) cache: &'a KvCache,
    /// The length of each suffix.
    pub(super) lens: Vec<usize>,
    /// The lookup index in each suffix.
    pub(super) lookups: Vec<usize>,
    /// The offsets in each suffix that a loss reads.
    pub(super) reads: Vec<Vec<usize>>,
    /// The number of rows that predict the target; they come first.
    pub(super) n_rows: usize,
}

impl Suffixes {
    /// Lays out suffixes of states that leave layer `layer`, with the values at their lookup positions.
    pub(super) fn new(
        model: &dyn CausalLm,
        layer: usize,
        [hidden, values]: [Tensor<2>; 2],
        layout: SuffixLayout<'_>,
    ) -> Self {
        let SuffixLayout { cache, lens, lookups, reads, n_rows } = layout;
        let (device, n_layers) = (model.device(), model.shape().n_layers);
        let n_kv_heads = model.shape().n_kv_heads;
        let batch = Batch::continuing(cache.slots(), &lens, &device);
        let last = Batch::reading(cache.slots(), &lens, &reads, &device);
        let last_layer = (n_layers - 1).max(layer + 1);
        let n_kl_rows = lens.len() - n_rows;
        let lookups = lookups.iter().enumerate().map(|(row, &lookup)| batch.index(row, lookup)).collect();
        Self {
            hidden,
            values,
            past: Past::new(cache, layer + 1..last_layer, &batch, n_kv_heads),
            last_past: Past::new(cache, last_layer..n_layers, &last, n_kv_heads),
            lookups,
            batch,
            last,
            n_rows,
            n_kl_rows,
        }
    }
}
