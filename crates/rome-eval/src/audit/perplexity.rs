//! The perplexity on a text before and after an edit.

use serde::Serialize;

/// The perplexity on a text before and after an edit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Perplexity {
    /// The name of the text.
    pub text: String,
    /// The number of tokens that were predicted.
    pub n_tokens: usize,
    /// Before the edit.
    pub before: f64,
    /// After the edit.
    pub after: f64,
}

impl Perplexity {
    /// The ratio of the perplexity after to that before.
    pub fn ratio(&self) -> f64 {
        self.after / self.before
    }
}
