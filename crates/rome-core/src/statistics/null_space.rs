//! The directions of keys that hardly occur, by the eigenvalues of C (Fang et al. 2025, AlphaEdit).

use std::borrow::Cow;

use faer::{Mat, Side};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cholesky::CholeskyFactor;
use crate::error::{ErrorKind, Hint};

/// The eigenvalues of C that count as none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NullSpaceBound {
    /// All below this, as in the original. It depends on the scale of the model's keys.
    Threshold(f64),
    /// The smallest, as long as their sum is within this share of the trace, which means the same on any model.
    TraceShare(f64),
}

/// The space of the eigenvectors of C whose eigenvalues are below a bound.
///
/// It is no null space: keys do have a part in it, and [`leak`](Self::leak) says how much.
#[derive(Debug)]
pub struct NullSpace {
    /// The smaller one of both bases, of this space or of all that is not in it, `[d_ff, n]`.
    basis: Mat<f64>,
    spans: Spans,
    n_kept: usize,
    leak: Leak,
}

/// The space that a basis spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spans {
    Kept,
    Dropped,
}

/// The part of C that lies in a null space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// `‖PC‖ / ‖C‖`
    pub norm: f64,
    /// `tr PC / tr C`
    pub trace: f64,
}

impl NullSpace {
    /// Takes the eigenvectors of C apart by a bound. It takes `9 d_ff³` operations.
    ///
    /// # Errors
    /// [`NullSpaceError`] when no eigenvalue is below the bound, or they cannot be computed.
    pub fn new(factor: &CholeskyFactor, bound: NullSpaceBound) -> Result<Self, NullSpaceError> {
        let eigen =
            factor.matrix().self_adjoint_eigen(Side::Lower).map_err(|_| NullSpaceError::NoConvergence)?;
        // In ascending order.
        let eigenvalues: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let n_kept = match bound {
            NullSpaceBound::Threshold(threshold) => {
                eigenvalues.iter().take_while(|&&value| value < threshold).count()
            }
            NullSpaceBound::TraceShare(share) => {
                let most = share * eigenvalues.iter().sum::<f64>();
                let sums = eigenvalues.iter().scan(0.0, |sum, value| {
                    *sum += value;
                    Some(*sum)
                });
                sums.take_while(|&sum| sum <= most).count()
            }
        };
        if n_kept == 0 {
            return Err(NullSpaceError::Empty { smallest: eigenvalues.first().copied().unwrap_or(0.0) });
        }
        let d_ff = factor.d_ff();
        let (columns, spans) =
            if n_kept <= d_ff / 2 { (0..n_kept, Spans::Kept) } else { (n_kept..d_ff, Spans::Dropped) };
        let basis = eigen.U().subcols(columns.start, columns.len()).to_owned();
        let share = |of: fn(f64) -> f64| {
            let sum = |values: &[f64]| values.iter().copied().map(of).sum::<f64>();
            sum(&eigenvalues[..n_kept]) / sum(&eigenvalues)
        };
        let leak = Leak { norm: share(|value| value * value).sqrt(), trace: share(|value| value) };
        Ok(Self { basis, spans, n_kept, leak })
    }

    /// The length of a key.
    pub fn d_ff(&self) -> usize {
        self.basis.nrows()
    }

    /// The number of its dimensions.
    pub fn n_kept(&self) -> usize {
        self.n_kept
    }

    /// The part of C that lies in it.
    pub fn leak(&self) -> Leak {
        self.leak
    }

    /// Projects keys on it, `[d_ff, n]`.
    pub(super) fn project(&self, keys: &mut Mat<f64>) {
        let of_basis = &self.basis * (self.basis.transpose() * &*keys);
        match self.spans {
            Spans::Kept => *keys = of_basis,
            Spans::Dropped => *keys -= of_basis,
        }
    }
}

/// Why a null space cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum NullSpaceError {
    /// No eigenvalue is below the bound.
    #[error("no direction of keys is left: the smallest eigenvalue of C is {smallest:.1e}, above the bound")]
    Empty {
        /// The smallest eigenvalue.
        smallest: f64,
    },
    /// The iteration did not settle.
    #[error("the eigenvalues of C did not converge")]
    NoConvergence,
}

impl Hint for NullSpaceError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::Empty { .. } => {
                "raise the threshold, or give a share of the trace, which means the same on any model".into()
            }
            Self::NoConvergence => "check the statistics for NaN".into(),
        }
    }
}
