//! The change of a tensor of a model.

use rome_core::edit::{LowRankError, WeightUpdate};
use rome_core::math::norm;
use rome_core::{LowRank, SecondMoment};
use serde::Serialize;

use super::text_effect::TextEffect;

/// Singular values below this share of the greatest are the rounding of what they were computed of.
const TOLERANCE: f64 = 1e-4;

/// The singular values of larger matrices would take minutes.
const MAX_VALUES: usize = 1 << 24;

/// The change of a tensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightChange {
    /// The tensor's canonical name.
    pub tensor: String,
    /// The rank of ΔW, by its singular values; `None` for what is no matrix, or too large for them.
    pub rank: Option<usize>,
    /// The share of `‖ΔW‖` in its first direction.
    pub first: Option<f64>,
    /// `‖ΔW‖`
    pub norm: f64,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The effect on ordinary text, where C is known.
    #[serde(rename = "typical")]
    pub text_effect: Option<TextEffect>,
}

impl WeightChange {
    /// Describes updates of a weight.
    ///
    /// # Shapes
    /// - weight: `[d_input, d_output]`, row by row, before the updates
    ///
    /// # Errors
    /// [`LowRankError`] when a value is not finite.
    pub fn by_updates(
        tensor: &str,
        weight: &[f32],
        updates: &[&WeightUpdate],
        moment: Option<&SecondMoment>,
    ) -> Result<Self, LowRankError> {
        let sizes = updates.iter().find_map(|update| update.sizes());
        let Some(shape) = sizes else { return Err(LowRankError::NotFinite) };
        let mut difference = vec![0.0; shape[0] * shape[1]];
        updates.iter().for_each(|update| update.add_to(&mut difference));
        // Of one update there is nothing to find out.
        let mut change = match updates {
            [update] if update.rank_one().is_some() => {
                Self { rank: Some(1), first: Some(1.0), ..Self::sized(tensor, weight, &difference) }
            }
            _ => Self::by_difference(tensor, weight, &difference, Some(shape))?,
        };
        change.text_effect = moment.map(|moment| TextEffect::new(weight, &difference, moment));
        Ok(change)
    }

    /// Describes a difference of two tensors, and takes it apart if it is a matrix.
    ///
    /// # Errors
    /// [`LowRankError`] when a value is not finite.
    pub fn by_difference(
        tensor: &str,
        before: &[f32],
        difference: &[f32],
        shape: Option<[usize; 2]>,
    ) -> Result<Self, LowRankError> {
        let mut change = Self::sized(tensor, before, difference);
        if let Some(shape) = shape.filter(|_| difference.len() <= MAX_VALUES) {
            let low_rank = LowRank::of(difference, shape)?;
            change.rank = Some(low_rank.rank(TOLERANCE));
            change.first = Some((1.0 - low_rank.remainder(1).powi(2)).sqrt());
        }
        Ok(change)
    }

    fn sized(tensor: &str, before: &[f32], difference: &[f32]) -> Self {
        let length = norm(difference);
        Self {
            tensor: tensor.to_owned(),
            rank: None,
            first: None,
            norm: length,
            relative_norm: length / norm(before),
            text_effect: None,
        }
    }
}
