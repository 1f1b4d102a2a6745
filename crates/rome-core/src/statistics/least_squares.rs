//! One least-squares solution for many keys: what MEMIT, AlphaEdit and EMMET write at a layer.

use std::borrow::Cow;

use faer::Mat;
use faer::linalg::matmul::matmul;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cholesky::{factor, solve_in_place};
use super::metric::Metric;
use crate::error::{ErrorKind, Hint};

/// Up to a third of d_ff keys, the system of keys is the smaller work; the choice is by their number alone, as the
/// two round otherwise.
const KEYS_PER_FEATURE: usize = 3;

/// Keys that are to be mapped to new values by an update that disturbs others as little as a [`Metric`] says.
///
/// With `K` `[d_ff, n]` the keys, `R` `[d_model, n]` what their values miss, and μ how far equality may be missed,
/// `ΔW = A Rᵀ` with `A = G K (μ + Kᵀ G K)⁻¹`, the minimum of `‖ΔWᵀ K − R‖² + μ tr ΔWᵀ G⁻¹ ΔW`.
#[derive(Debug, Clone, Copy)]
pub struct LeastSquares<'a> {
    /// The directions that are free.
    pub metric: &'a Metric,
    /// The keys, `[n][d_ff]`.
    pub keys: &'a [Vec<f64>],
    /// μ: 1 in MEMIT, 0 for equality.
    pub slack: f64,
}

/// The left side of an update, whatever values it is to write.
#[derive(Debug, Clone)]
pub struct Adjustment {
    /// `A` `[n][d_ff]`: the left vector of each key.
    pub lefts: Vec<Vec<f64>>,
    /// `kᵀ G k` of each key: alone, it gets the share `h / (μ + h)` of what it misses.
    pub leverages: Vec<f64>,
    /// `k · a`: the share that each key gets of what it misses, among all of them.
    pub shares: Vec<f64>,
    /// The system that was solved.
    pub route: Route,
}

/// The system that a solution comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Of keys, n × n.
    Keys,
    /// Of their features, d_ff × d_ff.
    Features,
}

impl LeastSquares<'_> {
    /// Solves for the left side of the update.
    ///
    /// # Errors
    /// [`LeastSquaresError`] when a value is not finite, or equality is asked of keys that depend on each other.
    ///
    /// # Panics
    /// If a key has another length than the metric.
    pub fn solve(&self) -> Result<Adjustment, LeastSquaresError> {
        let n = self.metric.past().len() + self.keys.len();
        let is_few = n * KEYS_PER_FEATURE <= self.metric.d_ff() || self.slack == 0.0;
        self.solve_by(if is_few { Route::Keys } else { Route::Features })
    }

    /// Solves by one of both systems.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    pub fn solve_by(&self, route: Route) -> Result<Adjustment, LeastSquaresError> {
        let &Self { metric, keys, slack } = self;
        let (d_ff, n, n_past) = (metric.d_ff(), keys.len(), metric.past().len());
        assert!(keys.iter().all(|key| key.len() == d_ff), "keys of the metric's length");
        if !keys.iter().flatten().all(|value| value.is_finite()) {
            return Err(LeastSquaresError::NotFinite);
        }
        let mut coordinates = Mat::from_fn(d_ff, n_past + n, |feature, key| match metric.past().get(key) {
            Some(past) => f64::from(past[feature]),
            None => keys[key - n_past][feature],
        });
        metric.whiten(&mut coordinates);
        let leverages = (n_past..n_past + n).map(|key| coordinates.col(key).squared_norm_l2()).collect();
        let mut solution = match route {
            Route::Keys => by_keys(&coordinates, n_past, slack),
            Route::Features => by_features(&coordinates, n_past, slack),
        }
        .ok_or(LeastSquaresError::Dependent { slack })?;
        metric.unwhiten(&mut solution);
        let lefts: Vec<Vec<f64>> = (0..n).map(|key| solution.col(key).iter().copied().collect()).collect();
        if !lefts.iter().flatten().all(|value| value.is_finite()) {
            return Err(LeastSquaresError::NotFinite);
        }
        let shares = lefts.iter().zip(keys).map(|(left, key)| crate::math::dot(left, key)).collect();
        Ok(Adjustment { lefts, leverages, shares, route })
    }
}

/// `Y S⁻¹`, with `S = D + YᵀY`: D is μ for keys, and 1 for those before them that are spared.
fn by_keys(coordinates: &Mat<f64>, n_past: usize, slack: f64) -> Option<Mat<f64>> {
    let n_all = coordinates.ncols();
    let mut system = product(coordinates.transpose(), coordinates.as_ref());
    for key in 0..n_all {
        system[(key, key)] += if key < n_past { 1.0 } else { slack };
    }
    let lower = factor(system.as_ref(), 0.0)?;
    // A pivot of no size is one of rounding alone.
    let pivots = || lower.diagonal().column_vector().iter().copied().collect::<Vec<f64>>().into_iter();
    let (least, most) = (pivots().fold(f64::INFINITY, f64::min), pivots().fold(0.0, f64::max));
    if least * least < 1e-13 * most * most {
        return None;
    }
    let mut columns =
        Mat::from_fn(n_all, n_all - n_past, |row, column| f64::from(u8::from(row == n_past + column)));
    solve_in_place(&lower, &mut columns);
    Some(product(coordinates.as_ref(), columns.as_ref()))
}

/// `(μ + μ YₚYₚᵀ + YYᵀ)⁻¹ Y`, the same by the push-through identity.
fn by_features(coordinates: &Mat<f64>, n_past: usize, slack: f64) -> Option<Mat<f64>> {
    let (past, new) = coordinates.split_at_col(n_past);
    let mut system = product(new, new.transpose());
    if n_past > 0 {
        system += faer::Scale(slack) * product(past, past.transpose());
    }
    let lower = factor(system.as_ref(), slack)?;
    let mut columns = new.to_owned();
    solve_in_place(&lower, &mut columns);
    Some(columns)
}

fn product(left: faer::MatRef<'_, f64>, right: faer::MatRef<'_, f64>) -> Mat<f64> {
    let mut result = Mat::zeros(left.nrows(), right.ncols());
    let parallelism = faer::get_global_parallelism();
    matmul(result.as_mut(), faer::Accum::Replace, left, right, 1.0, parallelism);
    result
}

/// Why there is no solution.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum LeastSquaresError {
    /// A key or a result is infinite or not a number.
    #[error("the keys are not finite")]
    NotFinite,
    /// Equality is asked of keys that depend on each other.
    #[error(
        "the keys depend on each other, as those of equal subjects do, and cannot all be mapped exactly (slack {slack})"
    )]
    Dependent {
        /// μ
        slack: f64,
    },
}

impl Hint for LeastSquaresError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFinite => ErrorKind::NotFinite,
            Self::Dependent { .. } => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::NotFinite => "check the checkpoint and the statistics for NaN".into(),
            Self::Dependent { .. } => "allow some slack: 0.1 is published for EMMET, 1 is MEMIT".into(),
        }
    }
}
