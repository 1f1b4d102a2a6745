//! Keys and values of positions that have been run.

use std::ops::Range;

use burn::prelude::*;

use super::batch::{Batch, Group};

/// A key/value cache over packed tokens.
///
/// Each layer holds one `[n_slots, width]` tensor of keys and one of values; each row is a list
/// of slots. So rows can share a past at no cost: [`fork`](Self::fork) copies indices only.
#[derive(Debug, Clone)]
pub struct KvCache {
    layers: Vec<Option<(Tensor<2>, Tensor<2>)>>,
    slots: Vec<Vec<usize>>,
    n_slots: usize,
}

impl KvCache {
    /// Makes an empty cache of `n_rows` rows for a model of `n_layers` blocks.
    pub fn new(n_layers: usize, n_rows: usize) -> Self {
        Self { layers: vec![None; n_layers], slots: vec![Vec::new(); n_rows], n_slots: 0 }
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.slots.len()
    }

    /// The number of cached positions of a row.
    pub fn len(&self, row: usize) -> usize {
        self.slots[row].len()
    }

    /// True if no row has a past.
    pub fn is_empty(&self) -> bool {
        self.n_slots == 0
    }

    /// Returns a cache whose row `i` continues row `rows[i]` of this one.
    pub fn fork(&self, rows: &[usize]) -> Self {
        Self {
            layers: self.layers.clone(),
            slots: rows.iter().map(|&row| self.slots[row].clone()).collect(),
            n_slots: self.n_slots,
        }
    }

    /// Returns a cache whose row `i` continues the first `lens[i]` positions of this one's.
    pub fn fork_until(&self, lens: &[usize]) -> Self {
        let mut fork = self.clone();
        fork.slots.truncate(lens.len());
        for (slots, &len) in fork.slots.iter_mut().zip(lens) {
            slots.truncate(len);
        }
        fork
    }

    /// The places of each row's positions among the cached tokens.
    pub fn slots(&self) -> &[Vec<usize>] {
        &self.slots
    }

    /// Returns keys and values of a group's past at one layer.
    fn gather(&self, layer: usize, group: &Group, n_kv_heads: usize) -> Option<GroupPast> {
        let slots = group.past_slots.as_ref()?;
        let (keys, values) = self.layers[layer].as_ref()?;
        let gather = |tensor: &Tensor<2>| {
            let [_, width] = tensor.dims();
            let rows = tensor.clone().select(0, slots.clone());
            rows.reshape([group.n_rows, group.past_len, n_kv_heads, width / n_kv_heads]).swap_dims(1, 2)
        };
        Some(GroupPast { keys: gather(keys), values: gather(values) })
    }

    fn append(&mut self, layer: usize, keys: Tensor<2>, values: Tensor<2>) {
        let entry = &mut self.layers[layer];
        *entry = Some(match entry.take() {
            None => (keys, values),
            Some((k, v)) => (Tensor::cat(vec![k, keys], 0), Tensor::cat(vec![v, values], 0)),
        });
    }

    /// Counts the batch's tokens as cached, once all layers have run.
    pub(crate) fn commit(&mut self, batch: &Batch) {
        for (row, slots) in self.slots.iter_mut().enumerate() {
            slots.extend((0..batch.len(row)).map(|offset| self.n_slots + batch.index(row, offset)));
        }
        self.n_slots += batch.n_tokens();
    }
}

/// The past of one group of rows, `[n_rows, n_kv_heads, past_len, head_dim]`.
#[derive(Debug, Clone)]
pub(crate) struct GroupPast {
    pub(crate) keys: Tensor<4>,
    pub(crate) values: Tensor<4>,
}

/// A cache laid out once for a batch that is run many times, as each step of v* is.
#[derive(Debug, Clone)]
pub struct Past {
    layers: Range<usize>,
    groups: Vec<Vec<Option<GroupPast>>>,
}

impl Past {
    /// Gathers what `batch` needs of `cache` at some layers.
    pub fn new(cache: &KvCache, layers: Range<usize>, batch: &Batch, n_kv_heads: usize) -> Self {
        let gather =
            |layer| batch.groups.iter().map(|group| cache.gather(layer, group, n_kv_heads)).collect();
        Self { groups: layers.clone().map(gather).collect(), layers }
    }
}

/// The cache that attention reads earlier positions from, and whether it keeps the new ones.
#[derive(Debug)]
pub enum CacheMode<'a> {
    /// Rows start at position 0 and are not kept.
    None,
    /// Rows continue the cache and are added to it.
    Extend(&'a mut KvCache),
    /// Rows continue a fixed past and are not kept.
    Frozen(&'a Past),
}

impl CacheMode<'_> {
    pub(crate) fn past(
        &self,
        layer: usize,
        group_index: usize,
        group: &Group,
        n_kv_heads: usize,
    ) -> Option<GroupPast> {
        match self {
            CacheMode::None => None,
            CacheMode::Extend(cache) => cache.gather(layer, group, n_kv_heads),
            CacheMode::Frozen(past) => past.groups[layer - past.layers.start][group_index].clone(),
        }
    }

    pub(crate) fn keep(&mut self, layer: usize, keys: &Tensor<2>, values: &Tensor<2>) {
        if let CacheMode::Extend(cache) = self {
            cache.append(layer, keys.clone(), values.clone());
        }
    }
}
