//! `C x = k`, solved once for all edits at a layer.

use std::borrow::Cow;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve;
use faer::{Accum, Mat, MatRef};
use thiserror::Error;

use super::second_moment::{SecondMoment, triangle_len};
use crate::error::{ErrorKind, Hint};

/// Ridges tried in order when C itself is not positive definite, as shares of its mean diagonal.
const RIDGES: [f64; 4] = [1e-10, 1e-8, 1e-6, 1e-4];

/// A C worse than this is solved with to no digit at all.
const MAX_CONDITION: f64 = 1e15;

/// Steps of power and inverse iteration for the extreme eigenvalues. It is a figure to be read, not
/// computed with, and 30 steps settle its first digits.
const CONDITION_STEPS: usize = 30;

/// The Cholesky factor of C, in f64 on the host.
///
/// Factoring takes `O(d_ff³)`; each further edit at the layer takes `O(d_ff²)`.
#[derive(Debug)]
pub struct CholeskyFactor {
    form: Form,
    d_ff: usize,
    ridge: Option<f64>,
    eigenvalues: [f64; 2],
}

#[derive(Debug)]
enum Form {
    /// `L Lᵀ` is the sum over `count` keys; what stands above L's diagonal means nothing.
    Cholesky {
        lower: Mat<f64>,
        count: u64,
    },
    Identity,
}

impl CholeskyFactor {
    /// Factors `C = Σ k kᵀ / count`.
    ///
    /// A C that is not positive definite to working precision, as one from fewer tokens than
    /// `d_ff` is, gets the smallest ridge of a short list that makes it so. [`ridge`](Self::ridge)
    /// tells.
    ///
    /// # Errors
    /// [`SolveError`] when there are no keys, a sum is not finite, or no ridge helps.
    pub fn new(moment: &SecondMoment) -> Result<Self, SolveError> {
        let d_ff = moment.d_ff();
        if moment.count() == 0 || d_ff == 0 {
            return Err(SolveError::Empty);
        }
        if !moment.sum().iter().all(|sum| sum.is_finite()) {
            return Err(SolveError::NotFinite);
        }
        // The sum itself is factored, so that no second square beside the factor is needed. Only its
        // lower half is looked at: rounding in a file cannot make C lopsided.
        let sum = MatRef::from_row_major_slice(moment.sum(), d_ff, d_ff);
        let count = moment.count();
        let scale = moment.trace() / d_ff as f64;
        for ridge in std::iter::once(0.0).chain(RIDGES.map(|share| share * scale)) {
            let added = ridge * count as f64;
            let Some(lower) = factor(sum, added) else { continue };
            let eigenvalues = extremes(sum, added, &lower).map(|eigenvalue| eigenvalue / count as f64);
            let factor = Self {
                form: Form::Cholesky { lower, count },
                d_ff,
                ridge: (ridge > 0.0).then_some(ridge),
                eigenvalues,
            };
            if factor.condition() < MAX_CONDITION {
                return Ok(factor);
            }
        }
        Err(SolveError::NotPositiveDefinite { tokens: moment.count(), d_ff })
    }

    /// The factor of the sum over keys, column by column from the diagonal down, `d_ff (d_ff + 1) / 2`
    /// values, and the number of keys; `None` for the identity. Together with
    /// [`ridge`](Self::ridge) and [`eigenvalues`](Self::eigenvalues) they are all there is to keep.
    pub fn lower(&self) -> Option<(u64, impl Iterator<Item = f64>)> {
        let Form::Cholesky { lower, count } = &self.form else { return None };
        let columns = (0..self.d_ff).map(move |column| lower.col(column));
        Some((*count, columns.enumerate().flat_map(|(column, values)| values.iter().skip(column).copied())))
    }

    /// Takes back what was kept of a factor; `None` if its sizes do not fit, or it is no factor of
    /// anything.
    pub fn from_lower(
        d_ff: usize,
        count: u64,
        lower: &[f64],
        ridge: Option<f64>,
        eigenvalues: [f64; 2],
    ) -> Option<Self> {
        if d_ff == 0 || count == 0 || triangle_len(d_ff) != Some(lower.len()) {
            return None;
        }
        let mut matrix = Mat::zeros(d_ff, d_ff);
        let mut rest = lower;
        for column in 0..d_ff {
            let (values, below) = rest.split_at(d_ff - column);
            if !(values[0] > 0.0 && values.iter().all(|value| value.is_finite())) {
                return None;
            }
            let cells = matrix.col_mut(column).iter_mut().skip(column);
            cells.zip(values).for_each(|(cell, &value)| *cell = value);
            rest = below;
        }
        Some(Self { form: Form::Cholesky { lower: matrix, count }, d_ff, ridge, eigenvalues })
    }

    /// Stands for `C = 1`, so that the key itself is the direction.
    pub fn identity(d_ff: usize) -> Self {
        Self { form: Form::Identity, d_ff, ridge: None, eigenvalues: [1.0; 2] }
    }

    /// The length of a key.
    pub fn d_ff(&self) -> usize {
        self.d_ff
    }

    /// The ridge that was added to the diagonal of C, if any.
    pub fn ridge(&self) -> Option<f64> {
        self.ridge
    }

    /// C's smallest and max eigenvalue, ridge included, by power iteration.
    pub fn eigenvalues(&self) -> [f64; 2] {
        self.eigenvalues
    }

    /// The ratio of C's max to its smallest eigenvalue, ridge included.
    pub fn condition(&self) -> f64 {
        let [smallest, max] = self.eigenvalues;
        max / smallest
    }

    /// C itself, `[d_ff, d_ff]`, ridge included.
    pub fn matrix(&self) -> Mat<f64> {
        match &self.form {
            Form::Identity => Mat::identity(self.d_ff, self.d_ff),
            Form::Cholesky { lower, count } => {
                let mut matrix = Mat::zeros(self.d_ff, self.d_ff);
                triangular::matmul(
                    matrix.as_mut(),
                    BlockStructure::Rectangular,
                    Accum::Replace,
                    lower.as_ref(),
                    BlockStructure::TriangularLower,
                    lower.transpose(),
                    BlockStructure::TriangularUpper,
                    1.0 / *count as f64,
                    faer::get_global_parallelism(),
                );
                matrix
            }
        }
    }

    /// Factors `C + ridge · 1`.
    ///
    /// # Errors
    /// [`SolveError::NotPositiveDefinite`] for a ridge below zero.
    pub fn with_ridge(&self, ridge: f64) -> Result<Self, SolveError> {
        let count = self.lower().map_or(1, |(count, _)| count);
        let matrix = self.matrix();
        let Some(lower) = factor(matrix.as_ref(), ridge) else {
            return Err(SolveError::NotPositiveDefinite { tokens: count, d_ff: self.d_ff });
        };
        let eigenvalues = extremes(matrix.as_ref(), ridge, &lower);
        let ridge = Some(self.ridge.unwrap_or(0.0) + ridge);
        Ok(Self { form: Form::Cholesky { lower, count: 1 }, d_ff: self.d_ff, ridge, eigenvalues })
    }

    /// Maps keys to coordinates in which C is the identity: `L⁻¹ K`, with `C = L Lᵀ`.
    ///
    /// # Shapes
    /// - keys: `[d_ff, n]`
    pub(super) fn whiten(&self, keys: &mut Mat<f64>) {
        if let Form::Cholesky { lower, count } = &self.form {
            let parallelism = faer::get_global_parallelism();
            triangular_solve::solve_lower_triangular_in_place(lower.as_ref(), keys.as_mut(), parallelism);
            *keys *= faer::Scale((*count as f64).sqrt());
        }
    }

    /// Maps a sum of whitened keys to what its product with keys is taken by: `L⁻ᵀ Y`.
    ///
    /// # Shapes
    /// - coordinates: `[d_ff, n]`
    pub(super) fn unwhiten(&self, coordinates: &mut Mat<f64>) {
        if let Form::Cholesky { lower, count } = &self.form {
            let parallelism = faer::get_global_parallelism();
            let upper = lower.transpose();
            triangular_solve::solve_upper_triangular_in_place(upper, coordinates.as_mut(), parallelism);
            *coordinates *= faer::Scale((*count as f64).sqrt());
        }
    }

    /// Solves `C x = key`, the direction of an edit (Meng et al. 2022, eq. 2).
    ///
    /// # Shapes
    /// - key, output: `[d_ff]`, f64 on the host
    ///
    /// # Panics
    /// If the key has another length.
    pub fn solve(&self, key: &[f64]) -> Vec<f64> {
        assert_eq!(key.len(), self.d_ff, "a key has the length of C");
        match &self.form {
            Form::Identity => key.to_vec(),
            Form::Cholesky { lower, count } => {
                let mut solution = Mat::from_fn(self.d_ff, 1, |i, _| *count as f64 * key[i]);
                solve_in_place(lower, &mut solution);
                (0..self.d_ff).map(|i| solution[(i, 0)]).collect()
            }
        }
    }
}

/// The Cholesky factor of `sum + added · 1`, if that is positive definite.
pub(super) fn factor(sum: MatRef<'_, f64>, added: f64) -> Option<Mat<f64>> {
    let (size, parallelism) = (sum.nrows(), faer::get_global_parallelism());
    let mut lower = Mat::zeros(size, size);
    lower.copy_from_triangular_lower(sum);
    lower.diagonal_mut().column_vector_mut().iter_mut().for_each(|value| *value += added);
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(size, parallelism, Default::default());
    let mut buffer = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut buffer);
    let done = llt::factor::cholesky_in_place(
        lower.as_mut(),
        Default::default(),
        parallelism,
        stack,
        Default::default(),
    );
    done.is_ok().then_some(lower)
}

/// Solves `L Lᵀ x = rhs`.
pub(super) fn solve_in_place(lower: &Mat<f64>, rhs: &mut Mat<f64>) {
    let parallelism = faer::get_global_parallelism();
    let scratch = llt::solve::solve_in_place_scratch::<f64>(lower.nrows(), rhs.ncols(), parallelism);
    let mut buffer = MemBuffer::new(scratch);
    llt::solve::solve_in_place(lower.as_ref(), rhs.as_mut(), parallelism, MemStack::new(&mut buffer));
}

/// The smallest and the max eigenvalue of `sum + added · 1`, whose factor is given.
fn extremes(sum: MatRef<'_, f64>, added: f64, lower: &Mat<f64>) -> [f64; 2] {
    let max = growth(sum.nrows(), |x| sum * x + faer::Scale(added) * x);
    let inverse = growth(sum.nrows(), |x| {
        let mut x = x.clone();
        solve_in_place(lower, &mut x);
        x
    });
    [1.0 / inverse, max]
}

/// The factor by which a repeated linear map stretches a vector.
fn growth(size: usize, map: impl Fn(&Mat<f64>) -> Mat<f64>) -> f64 {
    // Any start that is not orthogonal to the wanted eigenvector serves.
    let mut x = Mat::from_fn(size, 1, |i, _| 1.0 + (i % 7) as f64 / 7.0);
    let mut norm = 1.0;
    for _ in 0..CONDITION_STEPS {
        x = faer::Scale(1.0 / x.norm_l2()) * map(&x);
        norm = x.norm_l2();
    }
    norm
}

/// Why C cannot be solved with.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SolveError {
    /// No key was counted.
    #[error("the second moment was taken over no tokens")]
    Empty,
    /// A sum is infinite or not a number.
    #[error("the second moment holds values that are not finite")]
    NotFinite,
    /// C has a pivot at or below zero.
    #[error("the second moment over {tokens} tokens is not positive definite in {d_ff} dimensions")]
    NotPositiveDefinite {
        /// The number of tokens.
        tokens: u64,
        /// The length of a key.
        d_ff: usize,
    },
}

impl Hint for SolveError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Cow<'static, str> {
        "collect the statistics over more text: 2 to 10 tokens for each dimension at least".into()
    }
}
