//! Differences of weights as few rank-one updates, by singular values.

use std::borrow::Cow;

use faer::linalg::solvers::Svd;
use faer::{Mat, MatRef};
use thiserror::Error;

use super::rank_one::RankOneUpdate;
use crate::error::{ErrorKind, Hint};

/// A difference of two weights, taken apart: `ΔW = Σ σᵢ uᵢ ⊗ vᵢ`.
#[derive(Debug, Clone)]
pub struct LowRank {
    singular_values: Vec<f64>,
    left: Mat<f64>,
    right: Mat<f64>,
}

impl LowRank {
    /// Takes a difference apart.
    ///
    /// # Shapes
    /// - difference: `[d_input, d_output]`, row by row
    ///
    /// # Errors
    /// [`LowRankError`] when a value is not finite, or the iteration does not settle.
    ///
    /// # Panics
    /// If there are not `d_input * d_output` values.
    pub fn of(difference: &[f32], [d_input, d_output]: [usize; 2]) -> Result<Self, LowRankError> {
        assert_eq!(difference.len(), d_input * d_output, "a matrix of this shape");
        if !difference.iter().all(|value| value.is_finite()) {
            return Err(LowRankError::NotFinite);
        }
        let matrix = MatRef::from_row_major_slice(difference, d_input, d_output);
        let wide = Mat::from_fn(d_input, d_output, |row, column| f64::from(matrix[(row, column)]));
        let svd = Svd::new_thin(wide.as_ref()).map_err(|_| LowRankError::NoConvergence)?;
        Ok(Self {
            singular_values: svd.S().column_vector().iter().copied().collect(),
            left: svd.U().to_owned(),
            right: svd.V().to_owned(),
        })
    }

    /// The singular values, largest first.
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The number of singular values above `tolerance` times the largest.
    pub fn rank(&self, tolerance: f64) -> usize {
        let largest = self.singular_values.first().copied().unwrap_or(0.0);
        self.singular_values.iter().take_while(|&&value| value > tolerance * largest).count()
    }

    /// The first `rank` terms, `uᵢ` of unit norm as left and `σᵢ vᵢ` as right.
    pub fn updates(&self, rank: usize) -> Vec<RankOneUpdate> {
        let column = |matrix: &Mat<f64>, index: usize, scale: f64| {
            matrix.col(index).iter().map(|value| (value * scale) as f32).collect()
        };
        let values = self.singular_values.iter().take(rank).enumerate();
        let updates = values.map(|(index, &value)| RankOneUpdate {
            left: column(&self.left, index, 1.0),
            right: column(&self.right, index, value),
        });
        updates.collect()
    }

    /// The share of `‖ΔW‖` that is left out after the first `rank` terms.
    pub fn remainder(&self, rank: usize) -> f64 {
        let square = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
        let all = square(&self.singular_values);
        if all > 0.0 {
            (square(&self.singular_values[rank.min(self.singular_values.len())..]) / all).sqrt()
        } else {
            0.0
        }
    }
}

/// Why a difference cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LowRankError {
    /// A value is infinite or not a number.
    #[error("the difference holds values that are not finite")]
    NotFinite,
    /// The iteration did not settle.
    #[error("the singular values of the difference did not converge")]
    NoConvergence,
}

impl Hint for LowRankError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFinite => ErrorKind::NotFinite,
            Self::NoConvergence => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::NotFinite => "check the file or the checkpoint for NaN".into(),
            Self::NoConvergence => "check the file: this is not a difference of weights".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Σ left ⊗ right`
    fn dense(updates: &[RankOneUpdate], shape: [usize; 2]) -> Vec<f32> {
        let mut sum = vec![0.0; shape[0] * shape[1]];
        updates.iter().for_each(|update| update.add_to(&mut sum));
        sum
    }

    #[test]
    fn a_sum_of_updates_comes_back_with_its_rank() {
        // Tall, wide and square; the third is a combination of the first two.
        for shape in [[7, 4], [4, 7], [5, 5]] {
            let vector = |seed: usize, len: usize| -> Vec<f32> {
                (0..len).map(|i| ((seed * 31 + i * 17) % 13) as f32 - 6.0).collect()
            };
            let update =
                |seed| RankOneUpdate { left: vector(seed, shape[0]), right: vector(seed + 5, shape[1]) };
            let one = update(1);
            let twice = RankOneUpdate { right: one.right.iter().map(|x| 2.0 * x).collect(), ..one.clone() };
            let difference = dense(&[one, update(2), twice], shape);
            let low_rank = LowRank::of(&difference, shape).unwrap();
            // Whole numbers of two digits are exact in f32; what is left is rounding in f64.
            assert_eq!(low_rank.rank(1e-9), 2, "{shape:?}: {:?}", low_rank.singular_values());
            let found = dense(&low_rank.updates(2), shape);
            let distance = found.iter().zip(&difference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Vectors in f32 whose products are up to about 100.
            assert!(distance < 1e-4, "{shape:?}: {distance}");
            assert!(low_rank.remainder(2) < 1e-9 && low_rank.remainder(1) > 0.01);
        }
    }

    #[test]
    fn nothing_has_no_rank_and_infinity_is_refused() {
        let nothing = LowRank::of(&[0.0; 6], [2, 3]).unwrap();
        assert_eq!((nothing.rank(1e-6), nothing.remainder(0)), (0, 0.0));
        let infinite = LowRank::of(&[0.0, f32::INFINITY], [1, 2]);
        assert_eq!(infinite.unwrap_err(), LowRankError::NotFinite);
    }
}
