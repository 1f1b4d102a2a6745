//! Rows of a tree that run at once.

use burn::prelude::*;

use crate::forward::KvCache;

/// Rows that run at once.
pub(super) struct Level {
    /// The row of the level before that each row continues.
    pub(super) parents: Vec<usize>,
    pub(super) lens: Vec<usize>,
    /// The offsets in each row that are read.
    pub(super) reads: Vec<Vec<usize>>,
    /// The states that enter the lowest layer that may change, `[n_tokens, d_model]`.
    pub(super) entering: Tensor<2>,
}

impl Level {
    /// A cache whose rows begin with those that this level's rows continue.
    pub(super) fn start_from(&self, cache: &KvCache, index: usize, n_layers: usize) -> KvCache {
        match index {
            0 => KvCache::new(n_layers, self.lens.len()),
            _ => cache.fork(&self.parents),
        }
    }
}
