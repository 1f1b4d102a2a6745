//! One pass over a request's rows that yields all that an edit needs of the unedited layer.

use burn::prelude::*;

use crate::batch::indices;
use crate::generate::host;
use crate::rows::Row;
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
    /// What v* runs on.
    pub(crate) suffixes: Suffixes,
}

/// The rows from the lookup index on, as they leave the edited layer.
pub(crate) struct Suffixes {
    /// `[n_tokens, d_model]`
    pub(crate) hidden: Tensor<2>,
    pub(crate) batch: Batch,
    pub(crate) past: Past,
    /// The packed index of the lookup position of each row, preservation rows included.
    pub(crate) lookups: Vec<usize>,
    /// The packed indices whose logits predict the target, row by row.
    pub(crate) targets: Vec<usize>,
}

impl Capture {
    /// Runs the rows of a request through layer `layer`.
    pub fn new(model: &dyn CausalLm, rows: &EditRows, layer: usize) -> Self {
        let device = model.device();
        let n_rows = rows.rows.len();
        let all: Vec<Row> = rows
            .rows
            .iter()
            .cloned()
            // What follows the lookup index of a preservation row is never read.
            .chain(rows.preservations.iter().map(until_lookup))
            .collect();
        // The clean row is among the contexts as a rule, and is run by itself otherwise.
        let clean = until_lookup(&rows.clean);
        let clean_row = rows.rows.iter().position(|row| until_lookup(row) == clean);
        let extra = if clean_row.is_none() { Some(clean) } else { None };

        let lens: Vec<usize> = all.iter().chain(&extra).map(|row| row.tokens.len()).collect();
        let tokens: Vec<u32> = all.iter().chain(&extra).flat_map(|row| row.tokens.iter().copied()).collect();
        let batch = Batch::new(&lens, &device);
        let lookups: Vec<usize> =
            all.iter().chain(&extra).enumerate().map(|(row, r)| batch.index(row, r.lookup)).collect();
        let lookups = indices(lookups, &device);

        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let mut tap = |site: Site, state: Tensor<2>| {
            if site.layer == layer && matches!(site.part, Part::Key | Part::Mlp) {
                let at_lookups = split(state.clone().select(0, lookups.clone()));
                match site.part {
                    Part::Key => keys = at_lookups,
                    _ => values = at_lookups,
                }
            }
            state
        };
        let hidden = forward::embed(model, &tokens, &batch);
        let hidden = forward::blocks(model, hidden, 0..layer + 1, &batch, Memory::None, &mut tap);

        let clean_row = clean_row.unwrap_or(keys.len() - 1);
        let (clean_key, clean_value) = (keys[clean_row].clone(), values[clean_row].clone());
        keys.truncate(n_rows);
        values.truncate(n_rows);

        let suffixes = Suffixes::new(model, &hidden, &batch, &all, n_rows, rows.target.len(), layer);
        Self { keys, values, clean_key, clean_value, suffixes }
    }
}

impl Suffixes {
    fn new(
        model: &dyn CausalLm,
        hidden: &Tensor<2>,
        batch: &Batch,
        rows: &[Row],
        n_rows: usize,
        n_target: usize,
        layer: usize,
    ) -> Self {
        let device = model.device();
        // A suffix starts at the lookup index, or at the first position that a loss reads should
        // that come earlier.
        let starts: Vec<usize> = rows
            .iter()
            .enumerate()
            .map(|(row, r)| if row < n_rows { r.lookup.min(r.tokens.len() - n_target) } else { r.lookup })
            .collect();
        let select = |ranges: &dyn Fn(usize) -> std::ops::Range<usize>| {
            let packed = (0..rows.len()).flat_map(|row| ranges(row).map(move |offset| (row, offset)));
            let packed = packed.map(|(row, offset)| batch.index(row, offset));
            hidden.clone().select(0, indices(packed, &device))
        };

        let mut cache = KvCache::new(model.shape().n_layers, rows.len());
        if starts.iter().any(|&start| start > 0) {
            let prefixes = Batch::new(&starts, &device);
            let above = layer + 1..model.shape().n_layers;
            let hidden = select(&|row| 0..starts[row]);
            forward::blocks(model, hidden, above, &prefixes, Memory::Extend(&mut cache), &mut ());
        }

        let lens: Vec<usize> =
            rows.iter().zip(&starts).map(|(row, start)| row.tokens.len() - start).collect();
        let batch = Batch::continuing(&cache, &lens, &device);
        let lookups =
            rows.iter().enumerate().map(|(row, r)| batch.index(row, r.lookup - starts[row])).collect();
        let targets = (0..n_rows)
            .flat_map(|row| (lens[row] - n_target..lens[row]).map(move |offset| (row, offset)))
            .map(|(row, offset)| batch.index(row, offset))
            .collect();
        let hidden = select(&|row| starts[row]..rows[row].tokens.len());
        Self { hidden, past: Past::new(&cache, &batch), batch, lookups, targets }
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
