//! Rows of tokens that run together, packed end to end.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::TensorData;

use crate::KvCache;

/// An attention score that softmax turns into exactly zero, and that is finite in f32.
const MASKED: f32 = -1e9;

/// The layout of a packed batch: which tokens belong to which row, at which position, and what
/// each row has in the cache already.
///
/// Nothing is padded. Projections, norms and MLPs run over all tokens at once; attention runs
/// once for every stretch of neighbouring rows of equal length, so callers with many rows sort
/// them by length.
#[derive(Debug, Clone)]
pub struct Batch {
    starts: Vec<usize>,
    lens: Vec<usize>,
    positions: Tensor<1, Int>,
    pub(crate) groups: Vec<Group>,
}

/// Neighbouring rows with equally many new tokens: one attention product.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) tokens: Range<usize>,
    pub(crate) n_rows: usize,
    pub(crate) len: usize,
    /// The longest past among the rows.
    pub(crate) past_len: usize,
    /// Slots of the cache, `[n_rows * past_len]`; `None` without a past.
    pub(crate) past_slots: Option<Tensor<1, Int>>,
    /// Added to the scores, `[n_rows or 1, 1, len, past_len + len]`; `None` if all is visible.
    pub(crate) mask: Option<Tensor<4>>,
}

impl Batch {
    /// Lays out rows that start at position 0.
    pub fn new(lens: &[usize], device: &Device) -> Self {
        Self::with_past(lens, &vec![Vec::new(); lens.len()], device)
    }

    /// Lays out rows that continue the rows of a cache, `lens[i]` new tokens for row `i`.
    ///
    /// # Panics
    /// If the cache has another number of rows.
    pub fn continuing(cache: &KvCache, lens: &[usize], device: &Device) -> Self {
        assert_eq!(cache.n_rows(), lens.len(), "one length for each row of the cache");
        Self::with_past(lens, cache.slots(), device)
    }

    fn with_past(lens: &[usize], past: &[Vec<usize>], device: &Device) -> Self {
        let mut starts = Vec::with_capacity(lens.len());
        let mut positions = Vec::new();
        for (len, past) in lens.iter().zip(past) {
            starts.push(positions.len());
            positions.extend((past.len()..past.len() + len).map(|position| position as i64));
        }
        let mut groups = Vec::new();
        let mut first = 0;
        for rows in lens.chunk_by(|a, b| a == b) {
            let (len, n_rows) = (rows[0], rows.len());
            if len > 0 {
                let start = starts[first];
                let tokens = start..start + n_rows * len;
                groups.push(Group::new(tokens, len, &past[first..first + n_rows], device));
            }
            first += n_rows;
        }
        Self { starts, lens: lens.to_vec(), positions: ints(&positions, device), groups }
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.lens.len()
    }

    /// The number of packed tokens.
    pub fn n_tokens(&self) -> usize {
        self.lens.iter().sum()
    }

    /// The number of new tokens of a row.
    pub fn len(&self, row: usize) -> usize {
        self.lens[row]
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.n_tokens() == 0
    }

    /// The packed index of the token at `offset` among the new tokens of `row`.
    pub fn index(&self, row: usize, offset: usize) -> usize {
        debug_assert!(offset < self.lens[row]);
        self.starts[row] + offset
    }

    /// The position of each packed token in its sequence, `[n_tokens]`.
    pub fn positions(&self) -> Tensor<1, Int> {
        self.positions.clone()
    }
}

impl Group {
    fn new(tokens: Range<usize>, len: usize, past: &[Vec<usize>], device: &Device) -> Self {
        let n_rows = past.len();
        let past_len = past.iter().map(Vec::len).max().unwrap_or(0);
        let past_slots = (past_len > 0).then(|| {
            // A shorter past is filled up with slot 0, which the mask hides.
            let slots: Vec<i64> = past
                .iter()
                .flat_map(|slots| {
                    let holes = std::iter::repeat_n(0, past_len - slots.len());
                    slots.iter().copied().chain(holes).map(|slot| slot as i64)
                })
                .collect();
            ints(&slots, device)
        });
        let ragged = past.iter().any(|slots| slots.len() < past_len);
        let mask = (len > 1 || ragged).then(|| {
            let mask_rows = if ragged { n_rows } else { 1 };
            let mut mask = Vec::with_capacity(mask_rows * len * (past_len + len));
            for slots in &past[..mask_rows] {
                for query in 0..len {
                    mask.extend((0..past_len).map(|slot| hidden_if(slot >= slots.len())));
                    mask.extend((0..len).map(|key| hidden_if(key > query)));
                }
            }
            Tensor::from_data(TensorData::new(mask, [mask_rows, 1, len, past_len + len]), device)
        });
        Self { tokens, n_rows, len, past_len, past_slots, mask }
    }
}

fn hidden_if(hidden: bool) -> f32 {
    if hidden { MASKED } else { 0.0 }
}

/// Moves indices to a device, `[n]`.
pub(crate) fn ints(values: &[i64], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// Moves packed indices to a device, `[n]`.
pub(crate) fn indices(values: impl IntoIterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    ints(&values.into_iter().map(|value| value as i64).collect::<Vec<_>>(), device)
}

/// Moves token ids to a device, `[n]`.
pub(crate) fn token_ids(tokens: impl IntoIterator<Item = u32>, device: &Device) -> Tensor<1, Int> {
    ints(&tokens.into_iter().map(i64::from).collect::<Vec<_>>(), device)
}
