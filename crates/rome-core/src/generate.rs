//! Text from a model, one token at a time.

use burn::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use crate::transfer::download;
use crate::{Batch, CausalLm, KvCache, Memory, forward};

/// A model says something that is no number, of which no token follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the model's logits are not finite")]
pub struct NotFiniteLogits;

impl NotFiniteLogits {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        "check the checkpoint, or leave the edit off: some weights are so large that values overflow"
    }

    /// Returns logits that are finite.
    ///
    /// # Errors
    /// When one of them is not.
    pub fn check(logits: Vec<f32>) -> Result<Vec<f32>, Self> {
        match logits.iter().all(|logit| logit.is_finite()) {
            true => Ok(logits),
            false => Err(Self),
        }
    }
}

/// How the next token is chosen.
#[derive(Debug)]
pub enum Decoding<'a> {
    /// The most probable token.
    Greedy,
    /// A draw from the `k` most probable tokens, by their renormalised probabilities.
    TopK {
        /// How many tokens are considered.
        k: usize,
        /// The source of randomness.
        rng: &'a mut ChaCha8Rng,
    },
}

impl Decoding<'_> {
    fn choose(&mut self, logits: &[f32]) -> u32 {
        match self {
            Decoding::Greedy => argmax(logits),
            Decoding::TopK { k, rng } => {
                let top = top_k(logits, *k);
                let best = logits[top[0] as usize] as f64;
                let weights: Vec<f64> =
                    top.iter().map(|&token| (logits[token as usize] as f64 - best).exp()).collect();
                let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
                for (&token, weight) in top.iter().zip(&weights) {
                    left -= weight;
                    if left < 0.0 {
                        return token;
                    }
                }
                top[0]
            }
        }
    }
}

/// Returns the index of the greatest logit, the first one of equals.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    best as u32
}

/// Returns the indices of the `k` greatest logits, greatest first, lower index first among equals.
pub fn top_k(logits: &[f32], k: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let k = k.clamp(1, order.len());
    order.select_nth_unstable_by(k - 1, by_logit);
    order.truncate(k);
    order.sort_unstable_by(by_logit);
    order
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
        let batch = Batch::continuing(&self.cache, &lens, &device);
        let tokens: Vec<u32> = std::mem::take(&mut self.pending).into_iter().flatten().collect();
        let hidden = forward::embed(self.model, &tokens, &batch);
        let n_layers = self.model.shape().n_layers;
        let memory = Memory::Extend(&mut self.cache);
        let hidden = forward::blocks(self.model, hidden, 0..n_layers, &batch, memory, &mut ());
        let last = lens.iter().enumerate().map(|(row, len)| batch.index(row, len - 1));
        forward::head(self.model, hidden.select(0, crate::batch::indices(last, &device)))
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

/// Continues one prompt until `max_new_tokens`, the end token or the model's context is reached,
/// and returns the prompt with its continuation. The end token is a part of it.
///
/// # Errors
/// When the logits are not finite.
pub fn generate(
    model: &dyn CausalLm,
    prompt: &[u32],
    max_new_tokens: usize,
    end_token: Option<u32>,
    decoding: &mut Decoding<'_>,
) -> Result<Vec<u32>, NotFiniteLogits> {
    let room = model.shape().n_positions.saturating_sub(prompt.len());
    let mut generation = Generation::new(model, &[prompt.to_vec()]);
    for _ in 0..max_new_tokens.min(room) {
        if generation.step(decoding)?.first().copied() == end_token {
            break;
        }
    }
    Ok(generation.rows.swap_remove(0))
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn top_k_orders_by_logit_then_index() {
        assert_eq!(top_k(&[0.0, 2.0, 1.0, 2.0, -1.0], 3), [1, 3, 2]);
        assert_eq!(top_k(&[1.0], 5), [0]);
    }

    #[test]
    fn top_k_draws_follow_the_probabilities() {
        let logits = [0.0, 1.0, 2.0, -9.0];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            counts[Decoding::TopK { k: 3, rng: &mut rng }.choose(&logits) as usize] += 1;
        }
        let total: f64 = logits[..3].iter().map(|x: &f32| (*x as f64).exp()).sum();
        for (logit, count) in logits[..3].iter().zip(counts) {
            // Four standard deviations of a binomial share over 20,000 draws are below 0.015.
            let expected = (*logit as f64).exp() / total;
            assert!((count as f64 / 20_000.0 - expected).abs() < 0.015);
        }
        assert_eq!(counts[3], 0);
    }
}
