//! Adam (Kingma and Ba 2015), as torch has it, without weight decay.

use burn::prelude::*;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The state of Adam for one tensor.
pub struct Adam<const D: usize> {
    mean: Tensor<D>,
    variance: Tensor<D>,
    steps: i32,
}

impl<const D: usize> Adam<D> {
    /// Starts with moments of zero, of the shape of `parameter`.
    pub fn new(parameter: &Tensor<D>) -> Self {
        Self { mean: parameter.zeros_like(), variance: parameter.zeros_like(), steps: 0 }
    }

    /// Returns what is to be subtracted.
    pub fn step(&mut self, grad: Tensor<D>, learning_rate: f64) -> Tensor<D> {
        self.steps += 1;
        self.mean = self.mean.clone() * BETA_1 + grad.clone() * (1.0 - BETA_1);
        self.variance = self.variance.clone() * BETA_2 + grad.clone() * grad * (1.0 - BETA_2);
        let mean_scale = learning_rate / (1.0 - BETA_1.powi(self.steps));
        let variance_scale = 1.0 / (1.0 - BETA_2.powi(self.steps)).sqrt();
        self.mean.clone() * mean_scale / (self.variance.clone().sqrt() * variance_scale + EPSILON)
    }

    /// Keeps the moments of some rows alone.
    pub(super) fn keep(&mut self, rows: &Tensor<1, Int>) {
        self.mean = self.mean.clone().select(0, rows.clone());
        self.variance = self.variance.clone().select(0, rows.clone());
    }
}
