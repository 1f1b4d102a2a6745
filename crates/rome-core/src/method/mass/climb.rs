//! Rows that move up through the model layer by layer, and wait where a layer is edited.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::prelude::*;

use crate::forward::host::is_host;
use crate::forward::transfer::download;
use crate::forward::{self, Batch, CacheMode, ForwardPass, Workers, embed, indices};
use crate::model::CausalLm;
use crate::request::{Row, TokenizedRequest};

/// Requests whose rows run together on a device that has memory of its own.
const TOGETHER_ON_DEVICE: usize = 32;

/// More tokens than this keep every worker busy.
const PLENTY: usize = 1 << 20;

/// The number of requests whose rows run together.
///
/// On the processor products run at its rate with the rows of one, and each request's results are then the same to
/// the bit whatever others there are.
pub(super) fn together(device: &Device) -> usize {
    if is_host(device) { 1 } else { TOGETHER_ON_DEVICE }
}

/// The prompts of requests in their contexts, up to their lookup indices, as they enter a layer.
///
/// Each layer is run once. Nothing after the lookup indices and nothing above the last edited layer runs at all.
/// (`memit_main.py` of the reference runs the whole model anew for each layer and question.)
pub(super) struct Climb {
    chunks: Vec<Chunk>,
    workers: Workers,
    /// The layer that the states enter.
    layer: usize,
}

/// The rows of some requests.
struct Chunk {
    n_requests: usize,
    rows: Vec<ClimbingRow>,
    batch: Batch,
    /// `[n_tokens, d_model]`
    hidden: Tensor<2>,
    /// The unprefixed prompts alone, in the order of the requests.
    clean: CleanRows,
}

struct ClimbingRow {
    /// The number of its request in the chunk.
    owner: usize,
    /// The weight of its key in the request's.
    weight: f64,
    row: Row,
}

struct CleanRows {
    batch: Batch,
    /// The places of their tokens among those of all rows.
    tokens: Vec<usize>,
    /// The places of their last tokens among their own.
    lookups: Vec<usize>,
}

impl Climb {
    /// Starts at the embedding; `groups` are the sizes of the groups of contexts, in order.
    pub(super) fn new(model: &dyn CausalLm, requests: &[TokenizedRequest], groups: &[usize]) -> Self {
        let device = model.device();
        let workers = Workers::new(&device, PLENTY, requests.len());
        let chunks = requests.chunks(together(&device)).collect();
        let chunks = workers.queue(chunks, |requests| Chunk::new(model, requests, groups));
        Self { chunks, workers, layer: 0 }
    }

    /// Moves up to a layer and returns the key of each request there: the mean over groups of contexts of the means
    /// in a group.
    pub(super) fn keys(&mut self, model: &dyn CausalLm, layer: usize) -> Vec<Vec<f64>> {
        let layers = self.layer..layer;
        let chunks = std::mem::take(&mut self.chunks);
        let climbed = self.workers.queue(chunks, |mut chunk| {
            chunk.hidden = run(model, chunk.hidden, &chunk.batch, layers.clone());
            let keys = chunk.keys(model, layer);
            (chunk, keys)
        });
        self.layer = layer;
        let keys;
        (self.chunks, keys) = climbed.into_iter().unzip::<_, _, _, Vec<_>>();
        keys.into_iter().flatten().collect()
    }

    /// The output of a block for each unprefixed prompt at its lookup index, by the model as it is now.
    pub(super) fn states(&self, model: &dyn CausalLm, block: usize) -> Vec<Vec<f32>> {
        let layers = self.layer..block + 1;
        let states = self.workers.queue(self.chunks.iter().collect(), |chunk: &Chunk| {
            let CleanRows { batch, tokens, lookups } = &chunk.clean;
            let device = model.device();
            let hidden = chunk.hidden.clone().select(0, indices(tokens.iter().copied(), &device));
            let hidden = run(model, hidden, batch, layers.clone());
            let states = hidden.select(0, indices(lookups.iter().copied(), &device));
            let [_, d_model] = states.dims();
            download(states).chunks(d_model).map(<[f32]>::to_vec).collect::<Vec<_>>()
        });
        states.into_iter().flatten().collect()
    }
}

impl Chunk {
    fn new(model: &dyn CausalLm, requests: &[TokenizedRequest], groups: &[usize]) -> Self {
        let device = model.device();
        let mut rows = Vec::new();
        for (owner, request) in requests.iter().enumerate() {
            let weights = weights(request.rows.len(), groups);
            let of_contexts = request.rows.iter().zip(weights);
            rows.extend(of_contexts.map(|(row, weight)| ClimbingRow {
                owner,
                weight,
                row: row.until_lookup(),
            }));
            let clean = request.clean.until_lookup();
            if rows.iter().all(|row| row.owner != owner || row.row != clean) {
                rows.push(ClimbingRow { owner, weight: 0.0, row: clean });
            }
        }
        // Rows of equal length share an attention product.
        rows.sort_by_key(|row| row.row.tokens.len());
        let lens = |rows: &[ClimbingRow]| rows.iter().map(|row| row.row.tokens.len()).collect::<Vec<_>>();
        let batch = Batch::new(&lens(&rows), &device);
        let tokens: Vec<u32> = rows.iter().flat_map(|row| &row.row.tokens).copied().collect();
        let hidden = embed(model, &tokens, &batch);

        let clean: Vec<usize> = requests
            .iter()
            .enumerate()
            .map(|(owner, request)| {
                let clean = request.clean.until_lookup();
                rows.iter().position(|row| row.owner == owner && row.row == clean).expect("it was put there")
            })
            .collect();
        let clean_lens: Vec<usize> = clean.iter().map(|&row| batch.len(row)).collect();
        let clean_batch = Batch::new(&clean_lens, &device);
        let lookups =
            clean_lens.iter().enumerate().map(|(row, len)| clean_batch.index(row, len - 1)).collect();
        let tokens = clean.iter().flat_map(|&row| {
            let first = batch.index(row, 0);
            first..first + batch.len(row)
        });
        let clean = CleanRows { tokens: tokens.collect(), lookups, batch: clean_batch };
        Self { n_requests: requests.len(), rows, batch, hidden, clean }
    }

    fn keys(&self, model: &dyn CausalLm, layer: usize) -> Vec<Vec<f64>> {
        let keys = forward::key(model, self.hidden.clone(), layer, &self.batch);
        let lookups =
            self.rows.iter().enumerate().map(|(index, row)| self.batch.index(index, row.row.lookup));
        let keys = keys.select(0, indices(lookups, &model.device()));
        let [_, d_ff] = keys.dims();
        let mut means = vec![vec![0.0; d_ff]; self.n_requests];
        for (row, key) in self.rows.iter().zip(download(keys).chunks(d_ff)) {
            let sums = means[row.owner].iter_mut().zip(key);
            sums.for_each(|(sum, &value)| *sum += row.weight * f64::from(value));
        }
        means
    }
}

fn run(model: &dyn CausalLm, hidden: Tensor<2>, batch: &Batch, layers: Range<usize>) -> Tensor<2> {
    ForwardPass { model, batch, cache: CacheMode::None, hook: &mut () }.run(hidden, layers)
}

/// The weight of each row's key: groups weigh the same, and rows in a group do. Rows beyond the groups are one more.
fn weights(n_rows: usize, groups: &[usize]) -> Vec<f64> {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    let ends: Vec<usize> = groups
        .iter()
        .scan(0, |end, size| {
            *end += size;
            Some(*end)
        })
        .collect();
    let group = |row: usize| ends.partition_point(|&end| end <= row);
    (0..n_rows).for_each(|row| *sizes.entry(group(row)).or_default() += 1);
    (0..n_rows).map(|row| 1.0 / (sizes.len() * sizes[&group(row)]) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_weigh_the_same_and_rows_in_a_group_do() {
        assert_eq!(weights(6, &[1]), [0.5, 0.1, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(weights(3, &[1, 2]), [0.5, 0.25, 0.25]);
        assert_eq!(weights(1, &[1]), [1.0]);
        assert_eq!(weights(2, &[]), [0.5, 0.5]);
    }
}
