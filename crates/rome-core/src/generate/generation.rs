//! Rows being continued, one token at a time.

use std::borrow::Cow;

use burn::prelude::*;
use thiserror::Error;

use super::sampling::Decoding;
use crate::error::{ErrorKind, Hint};
use crate::forward::transfer::download;
use crate::forward::{Batch, CacheMode, ForwardPass, KvCache, embed, head, indices};
use crate::model::CausalLm;

/// A model says something that is no number, of which no token follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the model's logits are not finite")]
pub struct NotFiniteLogits;

impl Hint for NotFiniteLogits {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NotFinite
    }

    fn hint(&self) -> Cow<'static, str> {
        Cow::Borrowed(
            "check the checkpoint, or leave the edit off: some weights are so large that values overflow",
        )
    }
}

impl NotFiniteLogits {
    /// Returns logits that are finite.
    ///
    /// # Errors
    /// When one of them is not.
    pub fn check(logits: Vec<f32>) -> Result<Vec<f32>, Self> {
        if logits.iter().all(|logit| logit.is_finite()) { Ok(logits) } else { Err(Self) }
    }
}

/// Rows being continued, with a key/value cache.
pub struct Generation<'a> {
    model: &'a dyn CausalLm,
    cache: KvCache,
    rows: Vec<Vec<u32>>,
    /// The tokens of each row that the model has not seen yet.
    pending: Vec<Vec<u32>>,
}

impl<'a> Generation<'a> {
    /// Starts from prompts of at least one token each.
    ///
    /// # Panics
    /// If a prompt is empty.
    pub fn new(model: &'a dyn CausalLm, prompts: &[Vec<u32>]) -> Self {
        assert!(prompts.iter().all(|prompt| !prompt.is_empty()), "a prompt has at least one token");
        Self {
            model,
            cache: KvCache::new(model.shape().n_layers, prompts.len()),
            rows: prompts.to_vec(),
            pending: prompts.to_vec(),
        }
    }

    /// The rows so far, prompts included.
    pub fn rows(&self) -> &[Vec<u32>] {
        &self.rows
    }

    /// Runs the pending tokens and returns the logits after each row, `[n_rows, vocab_size]`.
    fn logits(&mut self) -> Tensor<2> {
        let device = self.model.device();
        let lens: Vec<usize> = self.pending.iter().map(Vec::len).collect();
        let batch = Batch::continuing(self.cache.slots(), &lens, &device);
        let tokens: Vec<u32> = std::mem::take(&mut self.pending).into_iter().flatten().collect();
        let hidden = embed(self.model, &tokens, &batch);
        let n_layers = self.model.shape().n_layers;
        let memory = CacheMode::Extend(&mut self.cache);
        let hidden = ForwardPass { model: self.model, batch: &batch, cache: memory, hook: &mut () }
            .run(hidden, 0..n_layers);
        let last = lens.iter().enumerate().map(|(row, len)| batch.index(row, len - 1));
        head(self.model, hidden.select(0, indices(last, &device)))
    }

    /// Adds one token to each row and returns them.
    ///
    /// # Errors
    /// When the logits are not finite; no token is added then.
    pub fn step(&mut self, decoding: &mut Decoding<'_>) -> Result<Vec<u32>, NotFiniteLogits> {
        let vocab_size = self.model.shape().vocab_size;
        let logits = NotFiniteLogits::check(download(self.logits()))?;
        let next: Vec<u32> = logits.chunks(vocab_size).map(|logits| decoding.choose(logits)).collect();
        for (row, &token) in self.rows.iter_mut().zip(&next) {
            row.push(token);
        }
        self.pending = next.iter().map(|&token| vec![token]).collect();
        Ok(next)
    }
}

/// Continues one prompt until `max_new_tokens`, an end token or the model's context is reached,
/// and returns the prompt with its continuation. The end token is a part of it.
///
/// # Errors
/// When the logits are not finite.
pub fn generate(
    model: &dyn CausalLm,
    prompt: &[u32],
    max_new_tokens: usize,
    end_tokens: &[u32],
    decoding: &mut Decoding<'_>,
) -> Result<Vec<u32>, NotFiniteLogits> {
    let room = model.shape().n_positions.saturating_sub(prompt.len());
    let mut generation = Generation::new(model, &[prompt.to_vec()]);
    for _ in 0..max_new_tokens.min(room) {
        if generation.step(decoding)?.first().is_some_and(|token| end_tokens.contains(token)) {
            break;
        }
    }
    Ok(generation.rows.swap_remove(0))
}
