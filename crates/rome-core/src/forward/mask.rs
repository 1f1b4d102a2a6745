//! Masks of attention's scores.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::prelude::*;

use super::transfer::upload;

/// An attention score that softmax turns into exactly zero, and that is finite in f32.
const MASKED: f32 = -1e9;

/// The masks of a group's scores, one for each window of attention, made when they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Masks {
    rows: Arc<Rows>,
    /// The mask of attention to all that precedes; `None` if all is visible.
    full: Option<Tensor<4>>,
    windowed: Arc<Mutex<BTreeMap<usize, Tensor<4>>>>,
    device: Device,
}

/// Rows with equally many new tokens.
#[derive(Debug)]
struct Rows {
    /// The number of cached positions of each row.
    past_lens: Vec<usize>,
    /// The offsets of the queries of each row among its new tokens.
    reads: Vec<Vec<usize>>,
    /// The number of new tokens of each.
    len: usize,
}

impl Masks {
    pub(super) fn new(past_lens: Vec<usize>, reads: &[Vec<usize>], len: usize, device: &Device) -> Self {
        let rows = Rows { past_lens, reads: reads.to_vec(), len };
        let hides = rows.are_ragged() || rows.reads[0].iter().any(|&read| read + 1 < len);
        let full = (hides && !rows.reads[0].is_empty()).then(|| rows.mask(usize::MAX, device));
        Self { rows: Arc::new(rows), full, windowed: Arc::default(), device: device.clone() }
    }

    /// Returns what is added to the scores, `[n_rows or 1, 1, n_reads, past_len + len]`; `None` if all is
    /// visible.
    pub(super) fn get(&self, window: Option<usize>) -> Option<Tensor<4>> {
        let window = window.filter(|&window| self.rows.longest() > window);
        let Some(window) = window.filter(|_| !self.rows.reads[0].is_empty()) else {
            return self.full.clone();
        };
        let mut windowed = self.windowed.lock().unwrap_or_else(PoisonError::into_inner);
        Some(windowed.entry(window).or_insert_with(|| self.rows.mask(window, &self.device)).clone())
    }
}

impl Rows {
    /// The number of positions of the longest row.
    fn longest(&self) -> usize {
        self.past_len() + self.len
    }

    fn past_len(&self) -> usize {
        self.past_lens.iter().copied().max().unwrap_or(0)
    }

    fn are_ragged(&self) -> bool {
        let past_len = self.past_len();
        self.past_lens.iter().any(|&len| len < past_len) || self.reads.windows(2).any(|r| r[0] != r[1])
    }

    /// A shorter past is filled up to the longest, and what fills it is hidden.
    fn mask(&self, window: usize, device: &Device) -> Tensor<4> {
        let past_len = self.past_len();
        let n_masks = if self.are_ragged() { self.past_lens.len() } else { 1 };
        let n_reads = self.reads[0].len();
        let mut mask = Vec::with_capacity(n_masks * n_reads * self.longest());
        for (&past, reads) in self.past_lens.iter().zip(&self.reads).take(n_masks) {
            for &read in reads {
                let is_far = |position: usize| position.saturating_add(window) <= past + read;
                mask.extend((0..past_len).map(|slot| hidden_if(slot >= past || is_far(slot))));
                mask.extend((0..self.len).map(|key| hidden_if(key > read || is_far(past + key))));
            }
        }
        upload(mask, [n_masks, 1, n_reads, self.longest()], device)
    }
}

fn hidden_if(hidden: bool) -> f32 {
    if hidden { MASKED } else { 0.0 }
}
