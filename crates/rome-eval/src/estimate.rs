//! A mean with its interval.

use serde::{Deserialize, Serialize};

/// Half of a 95 % interval of a normal distribution, in standard deviations.
const Z_95: f64 = 1.96;

/// A mean and half the width of its 95 % interval; of a [`Summary`](crate::Summary) both times 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean over records.
    pub mean: f64,
    /// Half the width of its 95 % interval.
    pub ci95: f64,
}

impl Estimate {
    /// The mean of values and its interval; nothing of nothing is zero.
    pub fn of(values: &[f64]) -> Self {
        let mean = mean(values).unwrap_or(0.0);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let n = values.len().max(1) as f64;
        // The deviation of the population that values are drawn from.
        Self { mean, ci95: Z_95 * (squares / (n - 1.0).max(1.0) / n).sqrt() }
    }

    /// Both numbers times a factor.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { mean: factor * self.mean, ci95: factor * self.ci95 }
    }
}

/// The mean of values; nothing of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
