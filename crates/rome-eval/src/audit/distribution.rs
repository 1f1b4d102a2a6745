//! The probabilities of all tokens at a position.

use rome_core::generate::{argmax, top_k};
use rome_core::math::log_softmax;

/// The log-probabilities of all tokens at a position.
#[derive(Debug, Clone)]
pub(super) struct Distribution(Vec<f32>);

impl Distribution {
    /// Takes logits.
    pub(super) fn new(logits: &[f32]) -> Self {
        Self(log_softmax(logits))
    }

    /// The probability of a token.
    pub(super) fn probability(&self, token: u32) -> f64 {
        f64::from(self.0[token as usize]).exp()
    }

    /// The most probable token.
    pub(super) fn first(&self) -> u32 {
        argmax(&self.0)
    }

    /// The `n` most probable tokens, the most probable first.
    pub(super) fn top(&self, n: usize) -> Vec<(u32, f64)> {
        top_k(&self.0, n).into_iter().map(|token| (token, self.probability(token))).collect()
    }

    /// `KL(self ‖ other)`, in nats.
    pub(super) fn divergence(&self, other: &Self) -> f64 {
        let terms = self.0.iter().zip(&other.0);
        let terms = terms.map(|(&a, &b)| f64::from(a).exp() * (f64::from(a) - f64::from(b)));
        // A token of no probability adds none; rounding may leave a little less than nothing.
        terms.filter(|term| term.is_finite()).sum::<f64>().max(0.0)
    }

    /// True if each of them is a number.
    pub(super) fn is_a_number(&self) -> bool {
        self.0.iter().all(|log_prob| !log_prob.is_nan())
    }
}
