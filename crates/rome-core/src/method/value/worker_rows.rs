//! One worker's rows of requests, run through the edited layer and up to where v* starts.

use std::ops::Range;

use burn::prelude::*;

use super::prefixes::{KnownPositions, KnownPrefixes, WorkerPrefixes};
use super::shifted_part::ShiftedPart;
use super::suffixes::{SuffixRow, Suffixes};
use crate::forward::transfer::download;
use crate::forward::{Batch, CacheMode, ForwardPass, KvCache, embed, fill, indices};
use crate::model::{CausalLm, HookPoint, Part};
use crate::request::Row;

/// The purpose of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its key counts, and it is to predict the target, of so many tokens; perhaps behind a prefix.
    Target { n_target: usize, is_prefixed: bool },
    /// Its prediction at the lookup index is to stay.
    Kl,
    /// Its key and value are asked for, and no more.
    Clean,
}

/// A row, by its index among all of the requests'.
#[derive(Debug, Clone)]
pub(super) struct RowForPurpose {
    pub(super) index: usize,
    /// The number of its request.
    pub(super) owner: usize,
    pub(super) purpose: Purpose,
    pub(super) row: Row,
}

/// The rows that one worker runs: those with a target, those of KL prompts, then clean ones.
pub(super) struct WorkerRows<'m> {
    pub(super) model: &'m dyn CausalLm,
    /// The edited layer.
    pub(super) layer: usize,
    pub(super) shifted: ShiftedPart,
    pub(super) rows: Vec<RowForPurpose>,
}

/// The keys and values of one worker's rows at their lookup indices.
pub(super) struct WorkerCapture {
    pub(super) keys: Vec<(usize, Vec<f32>)>,
    pub(super) values: Vec<(usize, Vec<f32>)>,
    pub(super) suffixes: Suffixes,
    pub(super) prefixes: WorkerPrefixes,
}

/// The rows as they leave the edited layer.
pub(super) struct Lower {
    /// The positions that were not known, `[n_tokens, d_model]`.
    hidden: Tensor<2>,
    batch: Batch,
    /// The start of each row's suffix.
    starts: Vec<usize>,
    /// The number of positions of each row that were known, and are not in `batch`.
    known: Vec<usize>,
}

impl WorkerRows<'_> {
    /// Runs the rows, but for what an earlier request has run of them.
    pub(super) fn capture(&self, earlier: Option<KnownPrefixes<'_>>) -> WorkerCapture {
        let starts: Vec<usize> = self.rows.iter().map(RowForPurpose::start).collect();
        let prefixes: Vec<&[u32]> =
            self.rows.iter().zip(&starts).map(|(row, &start)| &row.row.tokens[..start]).collect();
        let n_layers = self.model.shape().n_layers;
        let KnownPositions { lens: known, mut lower, mut upper } = match earlier {
            Some(earlier) => earlier.positions(self.model, self.layer, &prefixes),
            None => KnownPositions::none(n_layers, self.rows.len()),
        };
        let new = || self.rows.iter().zip(&known).map(|(row, &known)| &row.row.tokens[known..]);
        let device = self.model.device();
        let batch = Batch::continuing(lower.slots(), &new().map(<[u32]>::len).collect::<Vec<_>>(), &device);
        let lookups = self.rows.iter().zip(&known).enumerate();
        let lookups = lookups.map(|(row, (r, known))| batch.index(row, r.row.lookup - known));
        let lookups = indices(lookups, &device);

        let (mut keys, mut values) = (None, None);
        let hidden = embed(self.model, &new().flatten().copied().collect::<Vec<_>>(), &batch);
        let mut entering = hidden.clone();
        let shifted = self.shifted.hook_part();
        let mut hook = |point: HookPoint, state: Tensor<2>| {
            if point.layer + 1 == self.layer && point.part == Part::Block {
                entering = state.clone();
            }
            if point.layer == self.layer && (point.part == Part::Key || point.part == shifted) {
                let at_lookups = Some(state.clone().select(0, lookups.clone()));
                match point.part {
                    Part::Key => keys = at_lookups,
                    _ => values = at_lookups,
                }
            }
            state
        };
        let hidden = ForwardPass {
            model: self.model,
            batch: &batch,
            cache: CacheMode::Extend(&mut lower),
            hook: &mut hook,
        }
        .run(hidden, 0..self.layer + 1);

        let prefixes = prefixes.into_iter().map(<[u32]>::to_vec).collect();
        let run = Lower { hidden, batch, starts, known };
        self.fill_upper(&run, &mut upper);
        let (keys, values) = keys.zip(values).expect("the layer has been run");
        let suffixes = self.suffixes(&run, values.clone(), &upper);
        let of_rows = |states| self.rows.iter().map(|row| row.index).zip(split(states)).collect();
        let (keys, values) = (of_rows(keys), of_rows(values));
        let prefixes = WorkerPrefixes { rows: prefixes, known: run.known, lower, entering, upper };
        WorkerCapture { keys, values, suffixes, prefixes }
    }

    /// Runs what is new before the suffixes on to the last layer.
    fn fill_upper(&self, lower: &Lower, upper: &mut KvCache) {
        let lens: Vec<usize> =
            lower.starts.iter().zip(&lower.known).map(|(start, known)| start - known).collect();
        if lens.iter().any(|&len| len > 0) {
            let prefixes = Batch::continuing(upper.slots(), &lens, &self.model.device());
            let hidden = lower.select(&|row| lower.known[row]..lower.starts[row], self.rows.len());
            fill(self.model, hidden, self.layer + 1..self.model.shape().n_layers, &prefixes, upper);
        }
    }

    /// The suffixes of all rows but clean ones, which come last and are not optimised over.
    fn suffixes(&self, lower: &Lower, values: Tensor<2>, upper: &KvCache) -> Suffixes {
        let rows: Vec<&RowForPurpose> =
            self.rows.iter().take_while(|row| row.purpose != Purpose::Clean).collect();
        let starts = &lower.starts[..rows.len()];
        let cache = upper.fork_until(starts);
        let hidden = lower.select(&|row| starts[row]..rows[row].row.tokens.len(), rows.len());
        let values = values.narrow(0, 0, rows.len());
        let suffix = |(row, &start): (&&RowForPurpose, &usize)| {
            let (len, lookup) = (row.row.tokens.len() - start, row.row.lookup - start);
            // Where a loss is read: at the positions that predict the target, and at the lookup index
            // of a KL row.
            let reads = match row.purpose {
                Purpose::Target { n_target, .. } => (len - n_target..len).collect(),
                _ => vec![lookup],
            };
            let predicts_target = matches!(row.purpose, Purpose::Target { .. });
            let is_prefixed = matches!(row.purpose, Purpose::Target { is_prefixed: true, .. });
            SuffixRow { owner: row.owner, len, lookup, reads, predicts_target, is_prefixed }
        };
        let suffix_rows = rows.iter().zip(starts).map(suffix).collect();
        Suffixes::new(self.model, self.layer, [hidden, values], cache, suffix_rows)
    }
}

impl RowForPurpose {
    /// The start of the suffix: the lookup index, or the first position that a loss reads if that comes
    /// earlier.
    fn start(&self) -> usize {
        match self.purpose {
            Purpose::Target { n_target, .. } => self.row.lookup.min(self.row.tokens.len() - n_target),
            _ => self.row.lookup,
        }
    }

    /// The order of rows in a worker: by purpose, then those that attention runs as one.
    pub(super) fn order(&self) -> (u8, usize, usize) {
        let suffix_len = self.row.tokens.len() - self.start();
        match self.purpose {
            Purpose::Target { n_target, .. } => (0, n_target, suffix_len),
            Purpose::Kl => (1, 0, suffix_len),
            Purpose::Clean => (2, 0, suffix_len),
        }
    }
}

impl Lower {
    /// The states at some positions of the first `n_rows` rows, packed.
    fn select(&self, positions: &dyn Fn(usize) -> Range<usize>, n_rows: usize) -> Tensor<2> {
        let packed = (0..n_rows).flat_map(|row| positions(row).map(move |position| (row, position)));
        let packed = packed.map(|(row, position)| self.batch.index(row, position - self.known[row]));
        self.hidden.clone().select(0, indices(packed, &self.hidden.device()))
    }
}

fn split(rows: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = rows.dims();
    download(rows).chunks(width).map(<[f32]>::to_vec).collect()
}
