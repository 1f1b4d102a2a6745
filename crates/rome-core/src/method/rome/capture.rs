//! One pass over a request's rows that yields all that an edit needs of the unedited layer.

use std::collections::BTreeMap;

use super::prefixes::Prefixes;
use super::suffixes::Suffixes;
use super::worker_rows::{Purpose, RowForPurpose, WorkerRows};
use crate::forward::Workers;
use crate::model::CausalLm;
use crate::request::{Row, TokenizedRequest};

/// The keys and values of a request's rows at a layer, and the state that v* starts from.
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
    /// The number of positions that were reused from an earlier request.
    pub n_taken_over: usize,
    /// The suffixes that v* runs on, one part for each worker.
    pub(super) suffixes: Vec<Suffixes>,
    pub(super) workers: Workers,
    prefixes: Prefixes,
}

impl Capture {
    /// Runs the rows of a request through layer `layer`.
    pub fn new(model: &dyn CausalLm, request: &TokenizedRequest, layer: usize) -> Self {
        Self::after(model, request, layer, None)
    }

    /// Does the same, and takes over what an earlier request has run of rows that begin alike.
    pub fn after(
        model: &dyn CausalLm,
        request: &TokenizedRequest,
        layer: usize,
        prefixes: Option<&Prefixes>,
    ) -> Self {
        let n_rows = request.rows.len();
        let mut all: Vec<(Purpose, Row)> =
            request.rows.iter().map(|row| (Purpose::Target, row.clone())).collect();
        // What follows the lookup index of a KL row is never read.
        all.extend(request.kl_rows.iter().map(|row| (Purpose::Kl, row.until_lookup())));
        // The clean row is among the contexts as a rule, and is run by itself otherwise.
        let clean = request.clean.until_lookup();
        let clean_row =
            request.rows.iter().position(|row| row.until_lookup() == clean).unwrap_or_else(|| {
                all.push((Purpose::Clean, clean));
                all.len() - 1
            });

        let n_suffix_tokens = all.iter().map(|(_, row)| row.tokens.len() - row.lookup).sum();
        let workers = Workers::new(&model.device(), n_suffix_tokens, n_rows);
        // Dealt out alternately, since neighbours are of like length.
        let mut shares: Vec<Vec<RowForPurpose>> = vec![Vec::new(); workers.len()];
        for (index, (purpose, row)) in all.into_iter().enumerate() {
            shares[index % workers.len()].push(RowForPurpose { index, purpose, row });
        }
        let n_target = request.target.len();
        let shares = shares.into_iter().enumerate().collect();
        let captured = workers.map(shares, |(worker, rows)| {
            // Rows go to the same worker as before, unless there are more or fewer of them.
            let earlier = prefixes.filter(|prefixes| prefixes.workers.len() == workers.len());
            let known = earlier.map(|prefixes| (&prefixes.workers[worker], prefixes.extent));
            WorkerRows { model, layer, n_target, rows }.capture(known)
        });

        let (mut keys, mut values) = (BTreeMap::new(), BTreeMap::new());
        let (mut suffixes, mut prefixes) = (Vec::new(), Vec::new());
        for captured in captured {
            keys.extend(captured.keys);
            values.extend(captured.values);
            suffixes.push(captured.suffixes);
            prefixes.push(captured.prefixes);
        }
        let of_rows = |vectors: &BTreeMap<usize, Vec<f32>>| vectors.values().take(n_rows).cloned().collect();
        Self {
            clean_key: keys[&clean_row].clone(),
            clean_value: values[&clean_row].clone(),
            keys: of_rows(&keys),
            values: of_rows(&values),
            n_taken_over: prefixes.iter().flat_map(|prefixes| &prefixes.known).sum(),
            suffixes,
            workers,
            prefixes: Prefixes::new(prefixes),
        }
    }

    /// Gives what was run of the rows before their lookup indices to later requests.
    pub fn into_prefixes(self) -> Prefixes {
        self.prefixes
    }
}
