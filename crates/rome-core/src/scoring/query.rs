//! Questions to a model, and its scores.

/// A prompt, and the continuations that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The tokens of the prompt.
    pub prompt: Vec<u32>,
    /// The tokens of each target.
    pub targets: Vec<Vec<u32>>,
}

/// The score of one token of a target, given the ones before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScore {
    /// The logarithm of its probability.
    pub log_prob: f64,
    /// True if it is the most probable one.
    pub is_first: bool,
}

/// The score of a target, token by token.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetScore {
    /// The scores of its tokens, at least one.
    pub tokens: Vec<TokenScore>,
}

impl TargetScore {
    /// The logarithm of the target's probability: the sum over its tokens.
    pub fn log_prob(&self) -> f64 {
        self.tokens.iter().map(|token| token.log_prob).sum()
    }

    /// The negative log-likelihood of the target: the mean over its tokens.
    pub fn nll(&self) -> f64 {
        -self.log_prob() / self.tokens.len() as f64
    }

    /// True if the target's first token is the most probable one after the prompt.
    pub fn is_first(&self) -> bool {
        self.tokens.first().is_some_and(|token| token.is_first)
    }

    /// True if greedy decoding writes the target: each of its tokens is the most probable one after those
    /// before it.
    pub fn is_greedy(&self) -> bool {
        self.tokens.iter().all(|token| token.is_first)
    }
}
