//! One pass over a request's rows that yields all that an edit needs of the unedited layer.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::prelude::*;

use crate::batch::indices;
use crate::generate::host;
use crate::rows::Row;
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
    /// What v* runs on, one part for each worker.
    pub(crate) suffixes: Vec<Suffixes>,
    pub(crate) workers: Workers,
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
}

impl Capture {
    /// Runs the rows of a request through layer `layer`.
    pub fn new(model: &dyn CausalLm, rows: &EditRows, layer: usize) -> Self {
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
        let mut parts: Vec<Share> = vec![Vec::new(); workers.len()];
        for (index, (purpose, row)) in all.into_iter().enumerate() {
            parts[index % workers.len()].push((index, purpose, row));
        }
        let n_target = rows.target.len();
        let captured = workers.map(parts, |part| Captured::new(model, &part, n_target, layer));

        let (mut keys, mut values, mut suffixes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for part in captured {
            keys.extend(part.keys);
            values.extend(part.values);
            suffixes.push(part.suffixes);
        }
        let of_rows = |vectors: &BTreeMap<usize, Vec<f32>>| vectors.values().take(n_rows).cloned().collect();
        Self {
            clean_key: keys[&clean_row].clone(),
            clean_value: values[&clean_row].clone(),
            keys: of_rows(&keys),
            values: of_rows(&values),
            suffixes,
            workers,
        }
    }
}

impl Captured {
    fn new(model: &dyn CausalLm, part: &Share, n_target: usize, layer: usize) -> Self {
        let device = model.device();
        let lens: Vec<usize> = part.iter().map(|(_, _, row)| row.tokens.len()).collect();
        let tokens: Vec<u32> = part.iter().flat_map(|(_, _, row)| row.tokens.iter().copied()).collect();
        let batch = Batch::new(&lens, &device);
        let lookups = part.iter().enumerate().map(|(row, (_, _, r))| batch.index(row, r.lookup));
        let lookups = indices(lookups, &device);

        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let mut tap = |site: Site, state: Tensor<2>| {
            if site.layer == layer && matches!(site.part, Part::Key | Part::Mlp) {
                let at_lookups = split(state.clone().select(0, lookups.clone()));
                let at_lookups = part.iter().map(|(index, _, _)| *index).zip(at_lookups).collect();
                match site.part {
                    Part::Key => keys = at_lookups,
                    _ => values = at_lookups,
                }
            }
            state
        };
        let hidden = forward::embed(model, &tokens, &batch);
        let hidden = forward::blocks(model, hidden, 0..layer + 1, &batch, Memory::None, &mut tap);
        let suffixes = Suffixes::new(model, &hidden, &batch, part, n_target, layer);
        Self { keys, values, suffixes }
    }
}

impl Suffixes {
    fn new(
        model: &dyn CausalLm,
        hidden: &Tensor<2>,
        batch: &Batch,
        part: &Share,
        n_target: usize,
        layer: usize,
    ) -> Self {
        let device = model.device();
        let part: Vec<&(usize, Purpose, Row)> =
            part.iter().filter(|(_, purpose, _)| *purpose != Purpose::Clean).collect();
        // A suffix starts at the lookup index, or at the first position that a loss reads should
        // that come earlier.
        let starts: Vec<usize> = part
            .iter()
            .map(|(_, purpose, row)| match purpose {
                Purpose::Target => row.lookup.min(row.tokens.len() - n_target),
                _ => row.lookup,
            })
            .collect();
        let select = |ranges: &dyn Fn(usize) -> Range<usize>| {
            let packed = (0..part.len()).flat_map(|row| ranges(row).map(move |offset| (row, offset)));
            let packed = packed.map(|(row, offset)| batch.index(row, offset));
            hidden.clone().select(0, indices(packed, &device))
        };

        let (n_layers, n_heads) = (model.shape().n_layers, model.shape().n_heads);
        let mut cache = KvCache::new(n_layers, part.len());
        if starts.iter().any(|&start| start > 0) {
            let prefixes = Batch::new(&starts, &device);
            let hidden = select(&|row| 0..starts[row]);
            forward::fill(model, hidden, layer + 1..n_layers, &prefixes, &mut cache);
        }

        let lens: Vec<usize> =
            part.iter().zip(&starts).map(|((_, _, row), start)| row.tokens.len() - start).collect();
        let lookups: Vec<usize> =
            part.iter().zip(&starts).map(|((_, _, row), start)| row.lookup - start).collect();
        // Where a loss is read: at the positions that predict the target, and at the lookup index
        // of a preservation row.
        let reads: Vec<Vec<usize>> = part
            .iter()
            .zip(lens.iter().zip(&lookups))
            .map(|((_, purpose, _), (&len, &lookup))| match purpose {
                Purpose::Target => (len - n_target..len).collect(),
                _ => vec![lookup],
            })
            .collect();
        let batch = Batch::continuing(&cache, &lens, &device);
        let last = Batch::reading(&cache, &lens, &reads, &device);
        let last_layer = (n_layers - 1).max(layer + 1);
        let n_rows = part.iter().filter(|(_, purpose, _)| *purpose == Purpose::Target).count();
        Self {
            hidden: select(&|row| starts[row]..part[row].2.tokens.len()),
            past: Past::new(&cache, layer + 1..last_layer, &batch, n_heads),
            last_past: Past::new(&cache, last_layer..n_layers, &last, n_heads),
            lookups: lookups.iter().enumerate().map(|(row, &lookup)| batch.index(row, lookup)).collect(),
            batch,
            last,
            n_rows,
            n_preserved: part.len() - n_rows,
        }
    }
}

fn until_lookup(row: &Row) -> Row {
    Row { tokens: row.tokens[..=row.lookup].to_vec(), lookup: row.lookup }
}

fn split(rows: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = rows.dims();
    host(rows).chunks(width).map(<[f32]>::to_vec).collect()
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
