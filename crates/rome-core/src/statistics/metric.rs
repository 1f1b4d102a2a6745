//! The directions of keys that an update is free to take.

use std::sync::Arc;

use faer::Mat;

use super::cholesky::{CholeskyFactor, SolveError};
use super::null_space::NullSpace;

/// A positive semi-definite matrix G over keys, `[d_ff, d_ff]`: a direction is free as far as G is large there.
///
/// It is held by what makes it the identity: coordinates `Y` of keys with `YᵀY = KᵀGK`.
#[derive(Debug, Clone)]
pub struct Metric {
    base: Base,
    /// Keys that stay as they are, `[n][d_ff]`.
    past: Vec<Vec<f32>>,
}

#[derive(Debug, Clone)]
enum Base {
    /// `G⁻¹ = weight · C`
    Covariance { factor: Arc<CholeskyFactor>, weight: f64 },
    /// `G = P / ridge`
    NullSpace { space: Arc<NullSpace>, ridge: f64 },
}

impl Metric {
    /// Makes `G⁻¹ = weight · C + norm_weight · 1`: keys of text, and the norm of the update, are spared (MEMIT,
    /// ENCORE, EMMET).
    ///
    /// # Errors
    /// [`SolveError`] when that is not positive definite.
    pub fn covariance(
        factor: Arc<CholeskyFactor>,
        weight: f64,
        norm_weight: f64,
    ) -> Result<Self, SolveError> {
        let factor =
            if norm_weight == 0.0 { factor } else { Arc::new(factor.with_ridge(norm_weight / weight)?) };
        Ok(Self { base: Base::Covariance { factor, weight }, past: Vec::new() })
    }

    /// Makes `G = P / ridge`, P being the projection on a null space: nothing outside of it is free (AlphaEdit).
    pub fn null_space(space: Arc<NullSpace>, ridge: f64) -> Self {
        Self { base: Base::NullSpace { space, ridge }, past: Vec::new() }
    }

    /// Spares these keys, too, as strongly as those of an update: `G⁻¹ + K Kᵀ`.
    ///
    /// # Panics
    /// If a key has another length.
    pub fn spare(&mut self, keys: impl IntoIterator<Item = Vec<f32>>) {
        self.past.extend(keys);
        assert!(self.past.iter().all(|key| key.len() == self.d_ff()), "keys of the metric's length");
    }

    /// The length of a key.
    pub fn d_ff(&self) -> usize {
        match &self.base {
            Base::Covariance { factor, .. } => factor.d_ff(),
            Base::NullSpace { space, .. } => space.d_ff(),
        }
    }

    /// The keys that are spared.
    pub(super) fn past(&self) -> &[Vec<f32>] {
        &self.past
    }

    /// Maps keys, `[d_ff, n]`, to coordinates in which G, but for spared keys, is the identity.
    pub(super) fn whiten(&self, keys: &mut Mat<f64>) {
        match &self.base {
            Base::Covariance { factor, weight } => {
                factor.whiten(keys);
                *keys *= faer::Scale(1.0 / weight.sqrt());
            }
            Base::NullSpace { space, ridge } => {
                space.project(keys);
                *keys *= faer::Scale(1.0 / ridge.sqrt());
            }
        }
    }

    /// Maps coordinates `Y Z` to `G K Z`, `[d_ff, n]`.
    pub(super) fn unwhiten(&self, coordinates: &mut Mat<f64>) {
        match &self.base {
            Base::Covariance { factor, weight } => {
                factor.unwhiten(coordinates);
                *coordinates *= faer::Scale(1.0 / weight.sqrt());
            }
            // The coordinates lie in the null space already.
            Base::NullSpace { ridge, .. } => *coordinates *= faer::Scale(1.0 / ridge.sqrt()),
        }
    }
}
