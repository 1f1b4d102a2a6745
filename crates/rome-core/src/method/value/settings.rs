//! The settings of the optimisation of values.

/// The settings of the optimisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueSettings {
    /// Evaluations of the loss at most; an update follows each but the last.
    pub evaluations: usize,
    /// The learning rate of Adam.
    pub learning_rate: f64,
    /// The factor of `‖δ‖ / scale²` in the loss.
    pub weight_decay: f64,
    /// δ is kept within this factor times the scale.
    pub clamp_norm_factor: f64,
    /// The factor of the KL term over the KL prompts.
    pub kl_factor: f64,
    /// A request is done below this loss.
    pub stop_loss: f64,
    /// It is done, too, once its target has been the most probable one behind every prefix in so many evaluations
    /// (ENCORE).
    pub stop_first: Option<usize>,
}
