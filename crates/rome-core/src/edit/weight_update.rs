//! The change that a method adds to a weight.

use std::borrow::Cow;

use faer::Mat;

use super::rank_one::{Original, RankOneUpdate, UpdateError};
use crate::forward::transfer::upload;
use crate::math::{cosine, norm};
use crate::model::{EditableLinear, widen};

/// The change that is added to a weight, in `[d_input, d_output]` orientation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WeightUpdate {
    /// A sum of rank-one updates.
    LowRank(Vec<RankOneUpdate>),
    /// All values of the difference.
    Dense {
        /// `[d_input, d_output]`
        sizes: [usize; 2],
        /// The values, row by row.
        values: Vec<f32>,
    },
}

impl WeightUpdate {
    /// The update, if it is of rank one.
    pub fn rank_one(&self) -> Option<&RankOneUpdate> {
        match self {
            Self::LowRank(terms) => match terms.as_slice() {
                [update] => Some(update),
                _ => None,
            },
            Self::Dense { .. } => None,
        }
    }

    /// The terms of the update; none of one that is held by all its values.
    pub fn terms(&self) -> &[RankOneUpdate] {
        match self {
            Self::LowRank(terms) => terms,
            Self::Dense { .. } => &[],
        }
    }

    /// The rank that the update may have: the number of its terms, or the smaller one of its sizes.
    pub fn rank_at_most(&self) -> usize {
        match self {
            Self::LowRank(terms) => terms.len(),
            Self::Dense { sizes, .. } => sizes[0].min(sizes[1]),
        }
    }

    /// All values of the difference, `[d_input, d_output]` row by row: the sum of the terms in f64, rounded once.
    pub fn dense(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Dense { values, .. } => values.into(),
            Self::LowRank(terms) => match product(terms) {
                Some(sum) => sum
                    .row_iter()
                    .flat_map(|row| row.iter().map(|&value| value as f32).collect::<Vec<_>>())
                    .collect(),
                None => Cow::Borrowed(&[]),
            },
        }
    }

    /// True if every value is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::LowRank(terms) => terms.iter().all(RankOneUpdate::is_finite),
            Self::Dense { values, .. } => values.iter().all(|value| value.is_finite()),
        }
    }

    /// The sizes `[d_input, d_output]` of the weight that it is for; nothing of a sum of no terms.
    pub fn sizes(&self) -> Option<[usize; 2]> {
        match self {
            Self::LowRank(terms) => terms.first().map(|term| [term.left.len(), term.right.len()]),
            Self::Dense { sizes, .. } => Some(*sizes),
        }
    }

    /// Checks that the update fits a weight of these sizes.
    ///
    /// # Errors
    /// [`UpdateError`] when the sizes differ or a value is not finite.
    pub fn check(&self, module: [usize; 2]) -> Result<(), UpdateError> {
        let other = |update: [usize; 2]| Err(UpdateError::Shape { update, module });
        match self {
            Self::LowRank(terms) => {
                let sizes = terms.iter().map(|term| [term.left.len(), term.right.len()]);
                sizes.into_iter().find(|sizes| *sizes != module).map_or(Ok(()), other)?;
            }
            Self::Dense { sizes, values } if *sizes != module || values.len() != module[0] * module[1] => {
                return other(*sizes);
            }
            Self::Dense { .. } => {}
        }
        if self.is_finite() { Ok(()) } else { Err(UpdateError::NotFinite) }
    }

    /// The smaller one of both forms: all values, if they are fewer than those of the terms.
    #[must_use]
    pub fn compact(self) -> Self {
        let Some(sizes @ [d_input, d_output]) = self.sizes() else { return self };
        match &self {
            Self::LowRank(terms) if terms.len() * (d_input + d_output) > d_input * d_output => {
                Self::Dense { sizes, values: self.dense().into_owned() }
            }
            _ => self,
        }
    }

    /// The update of the same weight, turned over.
    #[must_use]
    pub fn transposed(&self) -> Self {
        match self {
            Self::LowRank(terms) => Self::LowRank(terms.iter().map(RankOneUpdate::transposed).collect()),
            Self::Dense { sizes: [d_input, d_output], values } => {
                let column = |column: usize| values.iter().skip(column).step_by(*d_output).copied();
                let values = (0..*d_output).flat_map(column).collect();
                Self::Dense { sizes: [*d_output, *d_input], values }
            }
        }
    }

    /// Multiplies the update by a factor.
    pub fn scale(&mut self, factor: f64) {
        let scale = |values: &mut Vec<f32>| {
            values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
        };
        match self {
            Self::LowRank(terms) => terms.iter_mut().for_each(|term| scale(&mut term.right)),
            Self::Dense { values, .. } => scale(values),
        }
    }

    /// Adds the update to a weight's values, as [`apply`](Self::apply) does it: rounded to f32 once as a
    /// difference and once as a sum.
    ///
    /// # Shapes
    /// - weight: `[d_input, d_output]`, row by row
    pub fn add_to(&self, weight: &mut [f32]) {
        match self {
            Self::LowRank(terms) if terms.len() == 1 => terms[0].add_to(weight),
            update => {
                weight.iter_mut().zip(update.dense().iter()).for_each(|(value, change)| *value += change)
            }
        }
    }

    /// Adds the update to a module's weight, which is then in f32, as the update is, and returns the weight
    /// as it was.
    ///
    /// # Errors
    /// [`UpdateError`] when the sizes differ or a value is not finite; the module is untouched then.
    pub fn apply(&self, module: &mut dyn EditableLinear) -> Result<Original, UpdateError> {
        let original = Original::of(module);
        let sizes = [module.d_input(), module.d_output()];
        self.check(sizes)?;
        if let Some(term) = self.rank_one() {
            term.apply(module)?;
            return Ok(original);
        }
        let values = self.dense();
        if !values.is_empty() {
            let weight = module.weight();
            let difference = upload(values.into_owned(), sizes, &weight.device());
            module.set_weight(widen(weight) + difference);
        }
        Ok(original)
    }

    /// The cosine of two updates as matrices; not a number if one of them is zero.
    ///
    /// # Panics
    /// If their sizes differ.
    pub fn cosine(&self, other: &Self) -> f64 {
        match (self.rank_one(), other.rank_one()) {
            (Some(one), Some(other)) => one.cosine(other),
            _ => cosine(&self.dense(), &other.dense()),
        }
    }

    /// `‖ΔW‖`, the Frobenius norm.
    pub fn norm(&self) -> f64 {
        match self {
            Self::Dense { values, .. } => norm(values),
            Self::LowRank(terms) => match terms.as_slice() {
                [one] => one.norm(),
                terms => product(terms).map_or(0.0, |sum| sum.norm_l2()),
            },
        }
    }
}

/// The sum of terms, `[d_input, d_output]`; nothing of none.
fn product(terms: &[RankOneUpdate]) -> Option<Mat<f64>> {
    let first = terms.first()?;
    let side = |rows: usize, of: &dyn Fn(&RankOneUpdate) -> &[f32]| {
        Mat::from_fn(rows, terms.len(), |row, term| f64::from(of(&terms[term])[row]))
    };
    let left = side(first.left.len(), &|term| &term.left);
    let right = side(first.right.len(), &|term| &term.right);
    Some(left * right.transpose())
}

impl From<RankOneUpdate> for WeightUpdate {
    fn from(update: RankOneUpdate) -> Self {
        Self::LowRank(vec![update])
    }
}
