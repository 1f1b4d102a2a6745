//! The change that a method adds to a weight.

use super::rank_one::{Original, RankOneUpdate, UpdateError};
use crate::forward::transfer::upload;
use crate::math::norm;
use crate::model::{EditableLinear, widen};

/// The change that is added to a weight, in `[d_input, d_output]` orientation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WeightUpdate {
    /// A sum of rank-one updates.
    LowRank(Vec<RankOneUpdate>),
    /// All values of the difference, row by row.
    Dense(Vec<f32>),
}

impl WeightUpdate {
    /// The update, if it is of rank one.
    pub fn rank_one(&self) -> Option<&RankOneUpdate> {
        match self {
            Self::LowRank(terms) => match terms.as_slice() {
                [update] => Some(update),
                _ => None,
            },
            Self::Dense(_) => None,
        }
    }

    /// The update, if it is of rank one.
    pub fn into_rank_one(self) -> Option<RankOneUpdate> {
        match self {
            Self::LowRank(mut terms) if terms.len() == 1 => terms.pop(),
            _ => None,
        }
    }

    /// Adds the update to a module's weight, which is then in f32, as the update is, and returns the weight
    /// as it was.
    ///
    /// # Errors
    /// [`UpdateError`] when the sizes differ or a value is not finite; the module is untouched then.
    pub fn apply(&self, module: &mut dyn EditableLinear) -> Result<Original, UpdateError> {
        let original = Original::of(module);
        match self {
            Self::LowRank(terms) => {
                terms.iter().try_for_each(|term| term.check(module))?;
                for term in terms {
                    term.apply(module)?;
                }
            }
            Self::Dense(values) => {
                let sizes = [module.d_input(), module.d_output()];
                if values.len() != sizes[0] * sizes[1] {
                    return Err(UpdateError::Shape { update: [values.len(), 1], module: sizes });
                }
                if !values.iter().all(|value| value.is_finite()) {
                    return Err(UpdateError::NotFinite);
                }
                let weight = module.weight();
                let difference = upload(values.clone(), sizes, &weight.device());
                module.set_weight(widen(weight) + difference);
            }
        }
        Ok(original)
    }

    /// `‖ΔW‖`, the Frobenius norm.
    ///
    /// That of several terms takes the scalar products of all pairs.
    pub fn norm(&self) -> f64 {
        match self {
            Self::Dense(values) => norm(values),
            Self::LowRank(terms) => match terms.as_slice() {
                [one] => one.norm(),
                terms => {
                    let pairs = terms.iter().flat_map(|a| terms.iter().map(move |b| a.dot(b)));
                    pairs.sum::<f64>().max(0.0).sqrt()
                }
            },
        }
    }
}

impl From<RankOneUpdate> for WeightUpdate {
    fn from(update: RankOneUpdate) -> Self {
        Self::LowRank(vec![update])
    }
}
