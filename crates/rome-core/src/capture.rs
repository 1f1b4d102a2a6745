//! One pass over a request's rows that yields all that an edit needs of the unedited layer.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::prelude::*;

use crate::batch::indices;
use crate::prefixes::{Earlier, Known, Prefixes};
use crate::rows::Row;
use crate::transfer::download;
use crate::workers::Workers;
use crate::{Batch, CausalLm, EditRows, KvCache, Memory, Part, Past, Site, forward};

/// What a layer does with a request's rows, and the state that v* starts from.
///
/// The reference runs the whole model four times for these. Here the rows run once through the
/// edited layer; positions before the lookup index, which δ cannot reach, then go on through the
/// layers above to fill a cache, and are never run again.
pub struct Capture {
    /// The key at the lookup index of each row, `[n_rows][d_ff]`.
    pub keys: Vec<Vec<f32>>,
    /// The MLP's output at the lookup index of each row, `[n_rows][d_model]`.
    pub values: Vec<Vec<f32>>,
    /// The key of the unprefixed prompt, k_c.
    pub clean_key: Vec<f32>,
    /// The MLP's output for the unprefixed prompt.
    pub clean_value: Vec<f32>,
    /// How many positions were taken over from an earlier request.
    pub n_taken_over: usize,
    /// What v* runs on, one part for each worker.
    pub(crate) suffixes: Vec<Suffixes>,
    pub(crate) workers: Workers,
    prefixes: Prefixes,
}

/// The rows from the lookup index on, as they leave the edited layer.
pub(crate) struct Suffixes {
    /// `[n_tokens, d_model]`
    pub(crate) hidden: Tensor<2>,
    pub(crate) batch: Batch,
    /// The layout in the last block: it passes on the positions that predict the target, row by
    /// row, then one position of each preservation row.
    pub(crate) last: Batch,
    pub(crate) past: Past,
    pub(crate) last_past: Past,
    /// The packed index of the lookup position of each row, preservation rows included.
    pub(crate) lookups: Vec<usize>,
    /// The number of rows that predict the target.
    pub(crate) n_rows: usize,
    /// The number of preservation rows.
    pub(crate) n_preserved: usize,
}

/// What a row is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Its key counts, and it is to predict the target.
    Target,
    /// Its prediction at the lookup index is to stay.
    Preserve,
    /// Its key and value are asked for, and no more.
    Clean,
}

/// One worker's rows, by their index among all: those with a target, then those to preserve, then
/// perhaps the clean one.
type Share = Vec<(usize, Purpose, Row)>;

/// What one worker found at the lookup indices of its rows.
struct Captured {
    keys: Vec<(usize, Vec<f32>)>,
    values: Vec<(usize, Vec<f32>)>,
    suffixes: Suffixes,
    earlier: Earlier,
}

impl Capture {
    /// Runs the rows of a request through layer `layer`.
    pub fn new(model: &dyn CausalLm, rows: &EditRows, layer: usize) -> Self {
        Self::after(model, rows, layer, None)
    }

    /// Does the same, and takes over what an earlier request has run of rows that begin alike.
    pub fn after(model: &dyn CausalLm, rows: &EditRows, layer: usize, prefixes: Option<&Prefixes>) -> Self {
        let n_rows = rows.rows.len();
        let mut all: Vec<(Purpose, Row)> =
            rows.rows.iter().map(|row| (Purpose::Target, row.clone())).collect();
        // What follows the lookup index of a preservation row is never read.
        all.extend(rows.preservations.iter().map(|row| (Purpose::Preserve, until_lookup(row))));
        // The clean row is among the contexts as a rule, and is run by itself otherwise.
        let clean = until_lookup(&rows.clean);
        let clean_row = rows.rows.iter().position(|row| until_lookup(row) == clean).unwrap_or_else(|| {
            all.push((Purpose::Clean, clean));
            all.len() - 1
        });

        let n_suffix_tokens = all.iter().map(|(_, row)| row.tokens.len() - row.lookup).sum();
        let workers = Workers::new(&model.device(), n_suffix_tokens, n_rows);
        // Dealt out in turn, since neighbours are of like length.
        let mut shares: Vec<Share> = vec![Vec::new(); workers.len()];
        for (index, (purpose, row)) in all.into_iter().enumerate() {
            shares[index % workers.len()].push((index, purpose, row));
        }
        let n_target = rows.target.len();
        let shares = shares.into_iter().enumerate().collect();
        let captured = workers.map(shares, |(worker, share)| {
            // Rows go to the same worker as before, unless there are more or fewer of them.
            let earlier = prefixes.filter(|prefixes| prefixes.workers.len() == workers.len());
            let earlier = earlier.map(|prefixes| (&prefixes.workers[worker], prefixes.above));
            Captured::new(model, &share, n_target, layer, earlier)
        });

        let (mut keys, mut values) = (BTreeMap::new(), BTreeMap::new());
        let (mut suffixes, mut prefixes) = (Vec::new(), Vec::new());
        for captured in captured {
            keys.extend(captured.keys);
            values.extend(captured.values);
            suffixes.push(captured.suffixes);
            prefixes.push(captured.earlier);
        }
        let of_rows = |vectors: &BTreeMap<usize, Vec<f32>>| vectors.values().take(n_rows).cloned().collect();
        Self {
            clean_key: keys[&clean_row].clone(),
            clean_value: values[&clean_row].clone(),
            keys: of_rows(&keys),
            values: of_rows(&values),
            n_taken_over: prefixes.iter().flat_map(|earlier| &earlier.known).sum(),
            suffixes,
            workers,
            prefixes: Prefixes { workers: prefixes, above: true },
        }
    }

    /// Gives what was run of the rows before their lookup indices to later requests.
    pub fn into_prefixes(self) -> Prefixes {
        self.prefixes
    }
}

impl Captured {
    fn new(
        model: &dyn CausalLm,
        share: &Share,
        n_target: usize,
        layer: usize,
        earlier: Option<(&Earlier, bool)>,
    ) -> Self {
        let device = model.device();
        // A suffix starts at the lookup index, or at the first position that a loss reads should
        // that come earlier.
        let starts: Vec<usize> = share
            .iter()
            .map(|(_, purpose, row)| match purpose {
                Purpose::Target => row.lookup.min(row.tokens.len() - n_target),
                _ => row.lookup,
            })
            .collect();
        let prefixes = || share.iter().zip(&starts).map(|((_, _, row), &start)| &row.tokens[..start]);
        let n_layers = model.shape().n_layers;
        let Known { lens: known, mut lower, upper } = match earlier {
            Some((earlier, above)) => earlier.known(model, layer, &prefixes().collect::<Vec<_>>(), above),
            None => Known::nothing(n_layers, share.len()),
        };

        let new = || share.iter().zip(&known).map(|((_, _, row), &known)| &row.tokens[known..]);
        let batch = Batch::continuing(&lower, &new().map(<[u32]>::len).collect::<Vec<_>>(), &device);
        let lookups = share.iter().zip(&known).enumerate();
        let lookups = lookups.map(|(row, ((_, _, r), known))| batch.index(row, r.lookup - known));
        let lookups = indices(lookups, &device);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let hidden = forward::embed(model, &new().flatten().copied().collect::<Vec<_>>(), &batch);
        let mut entering = hidden.clone();
        let mut tap = |site: Site, state: Tensor<2>| {
            if site.layer + 1 == layer && site.part == Part::Block {
                entering = state.clone();
            }
            if site.layer == layer && matches!(site.part, Part::Key | Part::Mlp) {
                let at_lookups = split(state.clone().select(0, lookups.clone()));
                let at_lookups = share.iter().map(|(index, _, _)| *index).zip(at_lookups).collect();
                match site.part {
                    Part::Key => keys = at_lookups,
                    _ => values = at_lookups,
                }
            }
            state
        };
        let memory = Memory::Extend(&mut lower);
        let hidden = forward::blocks(model, hidden, 0..layer + 1, &batch, memory, &mut tap);
        let rows = prefixes().map(<[u32]>::to_vec).collect();
        let (suffixes, upper) =
            Suffixes::new(model, &hidden, &batch, share, &starts, &known, upper, n_target, layer);
        let earlier = Earlier { rows, known, lower, entering, upper };
        Self { keys, values, suffixes, earlier }
    }
}

impl Suffixes {
    /// Runs what is new before the suffixes on to the last layer, on top of `upper`, and returns
    /// the cache, too. `known[i]` positions of row `i` are in it already, and not in `batch`.
    #[expect(clippy::too_many_arguments, reason = "all of them are what a share has come to so far")]
    fn new(
        model: &dyn CausalLm,
        hidden: &Tensor<2>,
        batch: &Batch,
        share: &Share,
        starts: &[usize],
        known: &[usize],
        mut upper: KvCache,
        n_target: usize,
        layer: usize,
    ) -> (Self, KvCache) {
        let device = model.device();
        let select = |ranges: &dyn Fn(usize) -> Range<usize>, n_rows: usize| {
            let packed = (0..n_rows).flat_map(|row| ranges(row).map(move |position| (row, position)));
            let packed = packed.map(|(row, position)| batch.index(row, position - known[row]));
            hidden.clone().select(0, indices(packed, &device))
        };

        let (n_layers, n_heads) = (model.shape().n_layers, model.shape().n_heads);
        let lens: Vec<usize> = starts.iter().zip(known).map(|(start, known)| start - known).collect();
        if lens.iter().any(|&len| len > 0) {
            let prefixes = Batch::continuing(&upper, &lens, &device);
            let hidden = select(&|row| known[row]..starts[row], share.len());
            forward::fill(model, hidden, layer + 1..n_layers, &prefixes, &mut upper);
        }

        // The clean row, which comes last, is not optimised over.
        let rows: Vec<(Purpose, &Row)> = share
            .iter()
            .map(|(_, purpose, row)| (*purpose, row))
            .filter(|(purpose, _)| *purpose != Purpose::Clean)
            .collect();
        let cache = upper.fork_until(&starts[..rows.len()]);
        let lens: Vec<usize> =
            rows.iter().zip(starts).map(|((_, row), start)| row.tokens.len() - start).collect();
        let lookups: Vec<usize> =
            rows.iter().zip(starts).map(|((_, row), start)| row.lookup - start).collect();
        // Where a loss is read: at the positions that predict the target, and at the lookup index
        // of a preservation row.
        let reads: Vec<Vec<usize>> = rows
            .iter()
            .zip(lens.iter().zip(&lookups))
            .map(|((purpose, _), (&len, &lookup))| match purpose {
                Purpose::Target => (len - n_target..len).collect(),
                _ => vec![lookup],
            })
            .collect();
        let suffixes = Batch::continuing(&cache, &lens, &device);
        let last = Batch::reading(&cache, &lens, &reads, &device);
        let last_layer = (n_layers - 1).max(layer + 1);
        let n_rows = rows.iter().filter(|(purpose, _)| *purpose == Purpose::Target).count();
        let lookups = lookups.iter().enumerate().map(|(row, &lookup)| suffixes.index(row, lookup));
        let suffixes = Self {
            hidden: select(&|row| starts[row]..rows[row].1.tokens.len(), rows.len()),
            past: Past::new(&cache, layer + 1..last_layer, &suffixes, n_heads),
            last_past: Past::new(&cache, last_layer..n_layers, &last, n_heads),
            lookups: lookups.collect(),
            batch: suffixes,
            last,
            n_rows,
            n_preserved: rows.len() - n_rows,
        };
        (suffixes, upper)
    }
}

fn until_lookup(row: &Row) -> Row {
    Row { tokens: row.tokens[..=row.lookup].to_vec(), lookup: row.lookup }
}

fn split(rows: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = rows.dims();
    download(rows).chunks(width).map(<[f32]>::to_vec).collect()
}

/// The mean of vectors of equal length, in f64.
pub(crate) fn mean(vectors: &[Vec<f32>]) -> Vec<f64> {
    let mut mean = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (mean, value) in mean.iter_mut().zip(vector) {
            *mean += f64::from(*value) / vectors.len() as f64;
        }
    }
    mean
}
