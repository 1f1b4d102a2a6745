//! The probabilities of both objects of a record after a prompt.

use serde::{Deserialize, Serialize};

/// The negative log-likelihoods of both objects after a prompt, means over their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nll {
    /// Of the new one.
    pub target_new: f64,
    /// Of the old one.
    pub target_true: f64,
}

impl Nll {
    /// True if the new object is the more probable one.
    pub fn prefers_new(self) -> bool {
        self.target_new < self.target_true
    }

    /// True if the old object is the more probable one.
    pub fn prefers_true(self) -> bool {
        self.target_true < self.target_new
    }

    /// By how much the new object is the more probable one, from -1 to 1.
    pub fn difference(self) -> f64 {
        (-self.target_new).exp() - (-self.target_true).exp()
    }
}
