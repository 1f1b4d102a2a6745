//! The losses of an optimisation.

/// The loss of one step, each term as it enters the total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// The sum of the others.
    pub total: f64,
    /// The negative log-likelihood of the target: mean over rows and target tokens.
    pub nll: f64,
    /// KL(current ‖ initial) at the KL prompts, mean over them, times its factor.
    pub kl: f64,
    /// `‖δ‖ / ‖target_init‖²`, times its factor.
    pub decay: f64,
}

impl Losses {
    /// Adds the terms up.
    pub fn new(nll: f64, kl: f64, decay: f64) -> Self {
        Self { total: nll + kl + decay, nll, kl, decay }
    }

    /// `[total, nll, kl, decay]`
    pub fn to_array(self) -> [f64; 4] {
        [self.total, self.nll, self.kl, self.decay]
    }
}
