//! Rows of tokens that run together, packed end to end.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;

use super::mask::Masks;
use super::transfer::upload;

/// The layout of a packed batch: which tokens belong to which row, at which position, and what
/// each row has in a cache already.
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
    reads: Option<Reads>,
}

/// The tokens that a block passes on, where others only lend it their keys and values.
#[derive(Debug, Clone)]
struct Reads {
    /// Packed indices, row by row, `[n_reads]`.
    indices: Tensor<1, Int>,
    /// Their places in their sequences, `[n_reads]`.
    positions: Tensor<1, Int>,
}

/// Neighbouring rows with equally many new tokens: one attention product.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The packed tokens.
    pub(crate) tokens: Range<usize>,
    /// The packed reads.
    pub(crate) reads: Range<usize>,
    pub(crate) n_rows: usize,
    /// The longest past among the rows.
    pub(crate) past_len: usize,
    /// Slots of the cache, `[n_rows * past_len]`; `None` without a past.
    pub(crate) past_slots: Option<Tensor<1, Int>>,
    /// The masks of the scores.
    pub(crate) masks: Masks,
}

impl Batch {
    /// Lays out rows that start at position 0.
    pub fn new(lens: &[usize], device: &Device) -> Self {
        Self::layout(lens, &vec![Vec::new(); lens.len()], None, device)
    }

    /// Lays out rows that continue the rows of a cache, by their [slots] in it: `lens[i]` new tokens for
    /// row `i`.
    ///
    /// # Panics
    /// If the cache has another number of rows.
    ///
    /// [slots]: crate::KvCache::slots
    pub fn continuing(slots: &[Vec<usize>], lens: &[usize], device: &Device) -> Self {
        assert_eq!(slots.len(), lens.len(), "one length for each row of the cache");
        Self::layout(lens, slots, None, device)
    }

    /// Lays out the same rows for a block that passes on only some tokens of each: `reads[i]` are
    /// the offsets among the new tokens of row `i`. It returns their states alone, packed.
    ///
    /// # Panics
    /// If the cache or `reads` have another number of rows.
    pub fn reading(slots: &[Vec<usize>], lens: &[usize], reads: &[Vec<usize>], device: &Device) -> Self {
        assert_eq!(slots.len(), lens.len(), "one length for each row of the cache");
        assert_eq!(reads.len(), lens.len(), "a list of reads for each row");
        Self::layout(lens, slots, Some(reads), device)
    }

    fn layout(lens: &[usize], past: &[Vec<usize>], reads: Option<&[Vec<usize>]>, device: &Device) -> Self {
        let mut starts = Vec::with_capacity(lens.len());
        let mut positions = Vec::new();
        for (len, past) in lens.iter().zip(past) {
            starts.push(positions.len());
            positions.extend((past.len()..past.len() + len).map(|position| position as i64));
        }
        let offsets = match reads {
            Some(reads) => reads.to_vec(),
            None => lens.iter().map(|&len| (0..len).collect()).collect(),
        };

        let mut groups = Vec::new();
        let (mut first, mut n_reads) = (0, 0);
        while first < lens.len() {
            let (len, reads) = (lens[first], offsets[first].len());
            let alike = |row: &usize| lens[*row] == len && offsets[*row].len() == reads;
            let rows = first..first + (first..lens.len()).take_while(alike).count();
            if len > 0 {
                let tokens = starts[first]..starts[first] + rows.len() * len;
                let reads = n_reads..n_reads + rows.len() * reads;
                n_reads = reads.end;
                groups.push(Group::new(tokens, reads, &offsets[rows.clone()], &past[rows.clone()], device));
            }
            first = rows.end;
        }
        let reads = reads.map(|_| {
            let indices: Vec<i64> = offsets
                .iter()
                .zip(&starts)
                .flat_map(|(offsets, start)| offsets.iter().map(move |offset| (start + offset) as i64))
                .collect();
            let at_reads: Vec<i64> = indices.iter().map(|&index| positions[index as usize]).collect();
            Reads { indices: ints(&indices, device), positions: ints(&at_reads, device) }
        });
        Self { starts, lens: lens.to_vec(), positions: ints(&positions, device), groups, reads }
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

    /// True if there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.n_tokens() == 0
    }

    /// The packed index of the token at `offset` among the new tokens of `row`.
    pub fn index(&self, row: usize, offset: usize) -> usize {
        debug_assert!(offset < self.lens[row]);
        self.starts[row] + offset
    }

    /// Keeps the states that are passed on, `[n_tokens, width]` to `[n_reads, width]`.
    pub(crate) fn read(&self, states: Tensor<2>) -> Tensor<2> {
        match &self.reads {
            None => states,
            Some(reads) => states.select(0, reads.indices.clone()),
        }
    }

    /// True if each row is there from its first token on, and passes on all of them.
    pub(crate) fn is_whole(&self) -> bool {
        self.reads.is_none() && self.groups.iter().all(|group| group.past_len == 0)
    }

    /// Adds the gradients of states that are passed on to those of all.
    pub(crate) fn add_reads(&self, all: Tensor<2>, reads: Tensor<2>) -> Tensor<2> {
        match &self.reads {
            None => all + reads,
            Some(Reads { indices, .. }) => {
                all.select_assign(0, indices.clone(), reads, IndexingUpdateOp::Add)
            }
        }
    }

    /// The positions of the states that are passed on, `[n_reads]`.
    pub(crate) fn read_positions(&self) -> Tensor<1, Int> {
        self.reads.as_ref().map_or_else(|| self.positions(), |reads| reads.positions.clone())
    }

    /// The position of each packed token in its sequence, `[n_tokens]`.
    pub fn positions(&self) -> Tensor<1, Int> {
        self.positions.clone()
    }
}

impl Group {
    /// `offsets` are the reads of each row, `past` the slots of each row.
    fn new(
        tokens: Range<usize>,
        reads: Range<usize>,
        offsets: &[Vec<usize>],
        past: &[Vec<usize>],
        device: &Device,
    ) -> Self {
        let n_rows = past.len();
        let len = tokens.len() / n_rows;
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
        let masks = Masks::new(past.iter().map(Vec::len).collect(), offsets, len, device);
        Self { tokens, reads, n_rows, past_len, past_slots, masks }
    }
}

/// Moves indices to a device, `[n]`.
pub(crate) fn ints(values: &[i64], device: &Device) -> Tensor<1, Int> {
    upload(values.to_vec(), [values.len()], device)
}

/// Moves packed indices to a device, `[n]`.
pub fn indices(values: impl IntoIterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    ints(&values.into_iter().map(|value| value as i64).collect::<Vec<_>>(), device)
}

/// Moves token ids to a device, `[n]`.
pub(crate) fn token_ids(tokens: impl IntoIterator<Item = u32>, device: &Device) -> Tensor<1, Int> {
    ints(&tokens.into_iter().map(i64::from).collect::<Vec<_>>(), device)
}
