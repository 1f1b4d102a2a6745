//! The answer of a model to one prompt.

use crate::forward::logits;
use crate::forward::transfer::download;
use crate::generate::argmax;
use crate::math::probability;
use crate::model::CausalLm;
use crate::scoring::TargetScore;

/// The answer of a model to a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The probability of the target: the product over its tokens.
    pub probability: f64,
    /// True if the target's first token is the most probable one after the prompt.
    pub is_first: bool,
    /// True if greedy decoding writes the target: each of its tokens is the most probable one after those
    /// before it.
    pub is_greedy: bool,
}

impl Answer {
    /// Asks a model for a target after a prompt.
    ///
    /// # Panics
    /// If prompt or target are empty.
    pub fn of(model: &dyn CausalLm, prompt: &[u32], target: &[u32]) -> Self {
        assert!(!prompt.is_empty() && !target.is_empty(), "a prompt and a target have tokens");
        let tokens = [prompt, &target[..target.len() - 1]].concat();
        let logits = logits(model, &tokens).narrow(0, prompt.len() - 1, target.len());
        let rows = download(logits);
        let rows: Vec<&[f32]> = rows.chunks(model.shape().vocab_size).collect();
        let probability = rows.iter().zip(target).map(|(row, &token)| probability(row, token)).product();
        let are_first: Vec<bool> =
            rows.iter().zip(target).map(|(row, &token)| argmax(row) == token).collect();
        Self {
            probability,
            is_first: are_first[0],
            is_greedy: are_first.into_iter().all(|is_first| is_first),
        }
    }
}

impl From<&TargetScore> for Answer {
    fn from(score: &TargetScore) -> Self {
        Self { probability: score.log_prob().exp(), is_first: score.is_first(), is_greedy: score.is_greedy() }
    }
}
