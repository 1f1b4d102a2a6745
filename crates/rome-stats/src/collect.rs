//! Sums of `k kᵀ` over text.

use std::collections::BTreeMap;

use burn::prelude::*;
use rome_core::rows::check_vocabulary;
use rome_core::transfer::download;
use rome_core::{Batch, CausalLm, Memory, Part, SecondMoment, Site, TokenCodec, forward};

use crate::{Provenance, Statistics, StatsError};

/// Tokens that run together. Above a few thousand the products are as fast as they get, and the
/// activations of one batch stay small beside the model.
const BATCH_TOKENS: usize = 2048;

/// Collects the second moment of any set of layers in one pass.
///
/// Documents are cut to the model's context; nothing is padded, packed across documents or
/// preceded by a start token, as `layer_stats.py` of the reference has it. The pass ends at the
/// last wanted layer's key. Products are f32 over one batch and are summed in f64.
pub struct Collector<'a> {
    model: &'a dyn CausalLm,
    tokens: &'a dyn TokenCodec,
    max_tokens: usize,
    moments: BTreeMap<usize, SecondMoment>,
    batch: Vec<Vec<u32>>,
    n_tokens: u64,
    n_documents: u64,
    corpus_hash: blake3::Hasher,
}

impl<'a> Collector<'a> {
    /// Starts with no text.
    ///
    /// # Errors
    /// [`StatsError::Layer`] for a layer that the model lacks.
    pub fn new(
        model: &'a dyn CausalLm,
        tokens: &'a dyn TokenCodec,
        layers: &[usize],
    ) -> Result<Self, StatsError> {
        let shape = model.shape();
        if let Some(&layer) = layers.iter().find(|&&layer| layer >= shape.n_layers) {
            return Err(StatsError::Layer { layer, n_layers: shape.n_layers });
        }
        Ok(Self {
            model,
            tokens,
            max_tokens: shape.n_positions,
            moments: layers.iter().map(|&layer| (layer, SecondMoment::new(shape.d_ff))).collect(),
            batch: Vec::new(),
            n_tokens: 0,
            n_documents: 0,
            corpus_hash: blake3::Hasher::new(),
        })
    }

    /// The number of tokens taken so far.
    pub fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// The number of documents taken so far.
    pub fn n_documents(&self) -> u64 {
        self.n_documents
    }

    /// Adds a document.
    ///
    /// # Errors
    /// When the tokenizer refuses it, or a key is not finite.
    pub fn add(&mut self, document: &str) -> Result<(), StatsError> {
        self.corpus_hash.update(&(document.len() as u64).to_le_bytes());
        self.corpus_hash.update(document.as_bytes());
        self.n_documents += 1;
        let encoding = self.tokens.encode(document).map_err(|error| StatsError::Tokenizer(error.0))?;
        let mut tokens = encoding.ids;
        tokens.truncate(self.max_tokens);
        check_vocabulary(&tokens, self.model.shape())
            .map_err(|error| StatsError::Tokenizer(error.to_string()))?;
        if tokens.is_empty() {
            return Ok(());
        }
        self.n_tokens += tokens.len() as u64;
        let waiting: usize = self.batch.iter().map(Vec::len).sum();
        if waiting > 0 && waiting + tokens.len() > BATCH_TOKENS {
            self.run()?;
        }
        self.batch.push(tokens);
        Ok(())
    }

    /// Ends the collection and returns the statistics of each layer.
    ///
    /// # Errors
    /// [`StatsError::Empty`] when there was no text; otherwise as [`add`](Self::add).
    pub fn finish(mut self, model_hash: &str) -> Result<BTreeMap<usize, Statistics>, StatsError> {
        if self.n_tokens == 0 {
            return Err(StatsError::Empty);
        }
        self.run()?;
        let provenance = Provenance {
            model_hash: Some(model_hash.to_owned()),
            layer: None,
            corpus_hash: Some(self.corpus_hash.finalize().to_hex().to_string()),
            documents: self.n_documents,
            max_tokens: Some(self.max_tokens),
            dtype: "float32".to_owned(),
            made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Ok(self
            .moments
            .into_iter()
            .map(|(layer, moment)| {
                let provenance = Provenance { layer: Some(layer), ..provenance.clone() };
                (layer, Statistics { moment, provenance })
            })
            .collect())
    }

    fn run(&mut self) -> Result<(), StatsError> {
        let Some((&last, _)) = self.moments.last_key_value() else { return Ok(()) };
        // Rows of equal length share an attention product.
        let mut rows = std::mem::take(&mut self.batch);
        rows.sort_by_key(Vec::len);
        let lens: Vec<usize> = rows.iter().map(Vec::len).collect();
        let tokens: Vec<u32> = rows.concat();
        let batch = Batch::new(&lens, &self.model.device());

        let n_tokens = tokens.len() as u64;
        let moments = &mut self.moments;
        let mut failed = None;
        // Each layer's product is added as it comes, so that only one is held at a time.
        let mut add = |layer: usize, keys: &Tensor<2>| {
            let Some(moment) = moments.get_mut(&layer) else { return };
            if let Err(error) = add_product(moment, layer, n_tokens, keys) {
                failed.get_or_insert(error);
            }
        };
        let mut tap = |site: Site, state: Tensor<2>| {
            if site.part == Part::Key {
                add(site.layer, &state);
            }
            state
        };
        let hidden = forward::embed(self.model, &tokens, &batch);
        let hidden = forward::blocks(self.model, hidden, 0..last, &batch, Memory::None, &mut tap);
        add(last, &forward::key(self.model, hidden, last, &batch));
        failed.map_or(Ok(()), Err)
    }
}

/// Adds `Σ k kᵀ` over the keys of a batch, `[n_tokens, d_ff]`.
fn add_product(
    moment: &mut SecondMoment,
    layer: usize,
    n_tokens: u64,
    keys: &Tensor<2>,
) -> Result<(), StatsError> {
    let values = download(keys.clone().transpose().matmul(keys.clone()));
    if !values.iter().all(|value| value.is_finite()) {
        return Err(StatsError::NotFinite { layer });
    }
    moment.add(n_tokens, &values);
    Ok(())
}
