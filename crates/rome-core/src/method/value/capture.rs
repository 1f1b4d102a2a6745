//! One pass over the rows of requests that yields all that an edit needs of the unedited layer.

use std::collections::BTreeMap;

use super::prefixes::Prefixes;
use super::shifted_part::ShiftedPart;
use super::suffixes::Suffixes;
use super::worker_rows::{Purpose, RowForPurpose, WorkerRows};
use crate::forward::Workers;
use crate::model::CausalLm;
use crate::request::{Row, TokenizedRequest};

/// The keys and values of requests' rows at a layer, and the states that v* starts from.
///
/// The reference runs the whole model four times for these. Here the rows run once through the
/// edited layer; positions before the lookup index, which δ cannot reach, then go on through the
/// layers above to fill a cache, and are never run again.
pub struct Capture {
    /// Of each request, in order.
    pub requests: Vec<CapturedRequest>,
    /// The number of positions that were reused from an earlier request.
    pub n_taken_over: usize,
    /// The suffixes that v* runs on, one part for each worker.
    pub(super) suffixes: Vec<Suffixes>,
    pub(super) workers: Workers,
    prefixes: Prefixes,
}

/// The keys and values of one request's rows.
pub struct CapturedRequest {
    /// The key at the lookup index of each row, `[n_rows][d_ff]`.
    pub keys: Vec<Vec<f32>>,
    /// The value at the lookup index of each row, `[n_rows][d_model]`.
    pub values: Vec<Vec<f32>>,
    /// The key of the unprefixed prompt, k_c.
    pub clean_key: Vec<f32>,
    /// The value of the unprefixed prompt.
    pub clean_value: Vec<f32>,
    /// The tokens of the target.
    pub(super) target: Vec<u32>,
    /// The number of KL rows.
    pub(super) n_kl_rows: usize,
}

impl Capture {
    /// Runs the rows of a request through layer `layer`, whose MLP is shifted.
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
        Self::together(model, std::slice::from_ref(request), (layer, ShiftedPart::Mlp), prefixes)
    }

    /// Runs the rows of several requests through a layer, one part of which is shifted.
    pub fn together(
        model: &dyn CausalLm,
        requests: &[TokenizedRequest],
        (layer, shifted): (usize, ShiftedPart),
        prefixes: Option<&Prefixes>,
    ) -> Self {
        let mut all = Vec::new();
        let mut clean_rows = Vec::with_capacity(requests.len());
        for (owner, request) in requests.iter().enumerate() {
            clean_rows.push(add_rows(&mut all, owner, request));
        }
        let n_rows = requests.iter().map(|request| request.rows.len()).sum();
        let n_suffix_tokens = all.iter().map(|row| row.row.tokens.len() - row.row.lookup).sum();
        let workers = Workers::new(&model.device(), n_suffix_tokens, n_rows);
        // Dealt out alternately, since neighbours are of like length.
        let mut shares: Vec<Vec<RowForPurpose>> = vec![Vec::new(); workers.len()];
        for row in all {
            shares[row.index % workers.len()].push(row);
        }
        let shares = shares.into_iter().enumerate().collect();
        let captured = workers.map(shares, |(worker, mut rows): (usize, Vec<RowForPurpose>)| {
            // Those with a target first, and beside each other what attention runs as one.
            rows.sort_by_key(RowForPurpose::order);
            let known = prefixes.and_then(|prefixes| prefixes.of_worker(worker, workers.len()));
            WorkerRows { model, layer, shifted, rows }.capture(known)
        });

        let (mut keys, mut values) = (BTreeMap::new(), BTreeMap::new());
        let (mut suffixes, mut prefixes) = (Vec::new(), Vec::new());
        for captured in captured {
            keys.extend(captured.keys);
            values.extend(captured.values);
            suffixes.push(captured.suffixes);
            prefixes.push(captured.prefixes);
        }
        let captured = requests.iter().zip(&clean_rows).map(|(request, rows)| {
            let of_rows = |vectors: &BTreeMap<usize, Vec<f32>>| {
                (rows.first..rows.first + request.rows.len()).map(|row| vectors[&row].clone()).collect()
            };
            CapturedRequest {
                keys: of_rows(&keys),
                values: of_rows(&values),
                clean_key: keys[&rows.clean].clone(),
                clean_value: values[&rows.clean].clone(),
                target: request.target.clone(),
                n_kl_rows: request.kl_rows.len(),
            }
        });
        Self {
            requests: captured.collect(),
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

/// The places of a request's rows among all.
struct RowPlaces {
    /// The first one, which those with a target begin with.
    first: usize,
    /// The one without a prefix.
    clean: usize,
}

/// Adds the rows of a request to those of all.
fn add_rows(all: &mut Vec<RowForPurpose>, owner: usize, request: &TokenizedRequest) -> RowPlaces {
    let first = all.len();
    let mut push = |purpose, row| {
        let index = all.len();
        all.push(RowForPurpose { index, owner, purpose, row });
        index
    };
    let n_target = request.target.len();
    for row in &request.rows {
        push(Purpose::Target { n_target, is_prefixed: row.lookup > request.clean.lookup }, row.clone());
    }
    // What follows the lookup index of a KL row is never read.
    for row in &request.kl_rows {
        push(Purpose::Kl, row.until_lookup());
    }
    // The clean row is among the contexts as a rule, and is run by itself otherwise.
    let clean = request.clean.until_lookup();
    let among: Option<usize> = request.rows.iter().position(|row: &Row| row.until_lookup() == clean);
    let clean = match among {
        Some(index) => first + index,
        None => push(Purpose::Clean, clean),
    };
    RowPlaces { first, clean }
}
