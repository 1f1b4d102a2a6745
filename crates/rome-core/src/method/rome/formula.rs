//! The update that a value makes, in each variant of ROME.

use super::config::{RomeConfig, Variant};
use crate::math::{dot, mean, norm, scaled, to_f64};
use crate::method::value::{CapturedRequest, ValueSettings};
use crate::method::{Division, EditError};
use crate::statistics::CholeskyFactor;

/// The smallest share of `‖k‖·‖ū‖` that `k·ū` may have. Below it the division has lost all digits
/// that f32 keys had, and the update would be noise.
const SMALLEST_COSINE: f64 = 1e-6;

/// The choices that make a variant: `ΔW = C⁻¹k (v)ᵀ / (k'·C⁻¹k)`.
pub(super) struct Formula {
    /// k, the key that C⁻¹ is applied to.
    direction: Key,
    /// k', the key that is divided by, and so mapped to the new value.
    division: Key,
    /// v, how the output changes.
    change: Change,
    /// The vector that is divided.
    divided: Side,
    /// The value whose norm decay and clamp are relative to.
    scale: Key,
    /// True if `steps` counts updates: one more evaluation of the loss follows the last one.
    counts_updates: bool,
}

/// A key, or the value that belongs to it.
enum Key {
    /// The key of the unprefixed prompt.
    Clean,
    /// The mean over the contexts.
    Mean,
}

enum Change {
    /// δ
    Delta,
    /// From the mean value to the unprefixed prompt's value + δ.
    FromMean,
}

enum Side {
    Left,
    Right,
}

impl Variant {
    pub(super) fn formula(self) -> Formula {
        use Key::{Clean, Mean};
        // v* − out_c = target_init + δ − out_c = δ, as both outputs are the clean prompt's.
        let reference = Formula {
            direction: Mean,
            division: Clean,
            change: Change::Delta,
            divided: Side::Right,
            scale: Clean,
            counts_updates: false,
        };
        match self {
            Self::Reference => reference,
            Self::MeanKey => Formula {
                division: Mean,
                divided: Side::Left,
                scale: Mean,
                counts_updates: true,
                ..reference
            },
            Self::RRome => Formula { division: Mean, change: Change::FromMean, ..reference },
            Self::PRome => Formula { direction: Clean, ..reference },
        }
    }
}

impl RomeConfig {
    /// The settings of the value's optimisation.
    pub fn value_settings(&self) -> ValueSettings {
        ValueSettings {
            // The reference evaluates the loss `steps` times and stops before the last update.
            evaluations: self.steps + usize::from(self.variant.formula().counts_updates),
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            clamp_norm_factor: self.clamp_norm_factor,
            kl_factor: self.kl_factor,
            stop_loss: self.stop_loss,
            stop_first: None,
        }
    }
}

impl Formula {
    /// The norm that decay and clamp are relative to.
    pub(super) fn scale(&self, capture: &CapturedRequest) -> f64 {
        match self.scale {
            Key::Clean => norm(&capture.clean_value),
            Key::Mean => norm(&mean(&capture.values)),
        }
    }

    /// The left and right vectors of an update, and what it was divided by.
    ///
    /// # Errors
    /// [`EditError::Disabling`] when the key is nearly orthogonal to the direction.
    pub(super) fn update(
        &self,
        capture: &CapturedRequest,
        factor: &CholeskyFactor,
        delta: &[f32],
    ) -> Result<([Vec<f64>; 2], Division), EditError> {
        let key = |key: &Key| match key {
            Key::Clean => to_f64(&capture.clean_key),
            Key::Mean => mean(&capture.keys),
        };
        let change = match self.change {
            Change::Delta => to_f64(delta),
            Change::FromMean => {
                let mean = mean(&capture.values);
                let values = delta.iter().zip(&capture.clean_value).zip(&mean);
                values.map(|((&d, &c), m)| f64::from(d) + f64::from(c) - m).collect()
            }
        };
        let division_key = key(&self.division);
        let direction = factor.solve(&key(&self.direction));
        let unit = scaled(&direction, 1.0 / norm(&direction));
        let divisor = dot(&division_key, &unit);
        let cosine = divisor / norm(&division_key);
        if !cosine.is_finite() || cosine.abs() < SMALLEST_COSINE {
            let divides_by_another_key = matches!((&self.direction, &self.division), (Key::Mean, Key::Clean));
            return Err(EditError::Disabling { division_factor: divisor, cosine, divides_by_another_key });
        }
        let vectors = match self.divided {
            Side::Left => [scaled(&unit, 1.0 / divisor), change],
            Side::Right => [unit, scaled(&change, 1.0 / divisor)],
        };
        Ok((vectors, Division { factor: divisor, cosine }))
    }
}
