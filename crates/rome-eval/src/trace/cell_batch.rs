//! Rows that are run together to fill some cells of a trace.

use std::ops::Range;

use burn::prelude::*;
use rome_core::forward::indices;
use rome_core::forward::transfer::upload;
use rome_core::{Batch, KvCache};

/// Rows that are run with something restored: one for each sample of some tokens, which it starts at.
pub(super) struct CellBatch {
    pub(super) tokens: Range<usize>,
    /// All positions of the rows.
    pub(super) all: RowPositions,
    /// The positions of each row that predict the answer, for the last block, which passes on nothing else.
    pub(super) last: RowPositions,
    /// The keys and values that the rows have before they start.
    pub(super) cache: KvCache,
    /// The positions of the cells in the corrupted run, `[n]`.
    pub(super) places: Tensor<1, Int>,
    /// The positions that predict the answer among all, `[n_rows * n_answer]`.
    pub(super) ends: Tensor<1, Int>,
}

/// The size of the rows of a corrupted run.
#[derive(Clone, Copy)]
pub(super) struct RowSize {
    pub(super) n_samples: usize,
    /// The tokens of a row: the prompt, and the answer but for its last token.
    pub(super) n_tokens: usize,
    pub(super) n_answer: usize,
}

/// The positions that a block passes on, and which of them are the first of their row.
pub(super) struct RowPositions {
    pub(super) batch: Batch,
    /// 1 at the first positions of rows and 0 elsewhere, `[n, 1]`.
    mask: Tensor<2>,
    /// For each position, the token that its row starts at, `[n]`.
    pub(super) start_tokens: Tensor<1, Int>,
    /// And where that stands in the corrupted run, `[n]`.
    pub(super) start_places: Tensor<1, Int>,
}

/// A position of a row: of a token and a sample, the token it starts at first.
struct RowPosition {
    start: usize,
    sample: usize,
    token: usize,
}

impl CellBatch {
    /// Lays out the rows of some tokens over the cache of a corrupted run.
    pub(super) fn new(
        cache: &KvCache,
        tokens: Range<usize>,
        RowSize { n_samples, n_tokens, n_answer }: RowSize,
        device: &Device,
    ) -> Self {
        let rows: Vec<(usize, usize)> =
            tokens.clone().flat_map(|start| (0..n_samples).map(move |sample| (start, sample))).collect();
        let samples: Vec<usize> = rows.iter().map(|&(_, sample)| sample).collect();
        let starts: Vec<usize> = rows.iter().map(|&(start, _)| start).collect();
        let lens: Vec<usize> = starts.iter().map(|start| n_tokens - start).collect();
        let cache = cache.fork(&samples).fork_until(&starts);
        let batch = Batch::continuing(cache.slots(), &lens, device);
        let reads: Vec<Vec<usize>> = lens.iter().map(|len| (len - n_answer..*len).collect()).collect();
        let last_batch = Batch::reading(cache.slots(), &lens, &reads, device);

        let of_row = |&(start, sample): &(usize, usize)| {
            (start..n_tokens).map(move |token| RowPosition { start, sample, token })
        };
        let all: Vec<RowPosition> = rows.iter().flat_map(of_row).collect();
        let last: Vec<RowPosition> =
            rows.iter().flat_map(|row| of_row(row).skip(n_tokens - n_answer - row.0)).collect();
        let places = all.iter().map(|position| position.sample * n_tokens + position.token);
        let places = indices(places, device);
        let ends = reads.iter().enumerate();
        let ends = ends.flat_map(|(row, reads)| reads.iter().map(move |&read| (row, read)));
        let ends = indices(ends.map(|(row, read)| batch.index(row, read)), device);
        Self {
            tokens,
            all: RowPositions::new(batch, &all, n_tokens, device),
            last: RowPositions::new(last_batch, &last, n_tokens, device),
            cache,
            places,
            ends,
        }
    }
}

impl RowPositions {
    fn new(batch: Batch, positions: &[RowPosition], n_tokens: usize, device: &Device) -> Self {
        let is_first = |position: &RowPosition| f32::from(u8::from(position.start == position.token));
        let start_place = |position: &RowPosition| position.sample * n_tokens + position.start;
        Self {
            batch,
            mask: upload(positions.iter().map(is_first).collect(), [positions.len(), 1], device),
            start_tokens: indices(positions.iter().map(|position| position.start), device),
            start_places: indices(positions.iter().map(start_place), device),
        }
    }

    /// Puts values at the first positions of rows.
    ///
    /// # Shapes
    /// - states, values, output: `[n, d_model]`
    pub(super) fn put(&self, states: Tensor<2>, values: Tensor<2>) -> Tensor<2> {
        let others = self.mask.clone().neg() + 1.0;
        states * others + values * self.mask.clone()
    }
}
