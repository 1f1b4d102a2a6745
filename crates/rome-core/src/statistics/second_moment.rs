//! The second moment of keys, `C = E[k kᵀ]`, uncentred.

use burn::prelude::*;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;
use thiserror::Error;

use crate::forward::host::HostMatrix;
use crate::forward::transfer::download;

/// Rows and columns that are added at a time, so that both triangles stay in the cache.
const TILE: usize = 32;

/// Keys that are multiplied at a time. Down its columns a matrix is read slowly, and more of them
/// would not stay in the cache meanwhile.
const AT_ONCE: usize = 256;

/// The number of values in a triangle with its diagonal; `None` if that overflows, as a file may claim.
pub(crate) fn triangle_len(d_ff: usize) -> Option<usize> {
    Some(d_ff.checked_mul(d_ff.checked_add(1)?)? / 2)
}

/// A sum of outer products of keys, in f64 on the host.
///
/// It is additive: sums over parts of a corpus add up to the sum over all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondMoment {
    d_ff: usize,
    count: u64,
    /// `Σ k kᵀ`, `[d_ff, d_ff]` in row-major order, symmetric.
    sum: Vec<f64>,
}

impl SecondMoment {
    /// Makes the sum over no keys.
    pub fn new(d_ff: usize) -> Self {
        Self { d_ff, count: 0, sum: vec![0.0; d_ff * d_ff] }
    }

    /// Takes a sum over `count` keys, `[d_ff, d_ff]`; `None` if its length is not that of a
    /// square of `d_ff`.
    pub fn from_sum(d_ff: usize, count: u64, sum: Vec<f64>) -> Option<Self> {
        (d_ff.checked_mul(d_ff) == Some(sum.len())).then_some(Self { d_ff, count, sum })
    }

    /// Takes the lower triangle of a sum over `count` keys, row by row, as [`lower`](Self::lower)
    /// gives it; `None` if there are not `d_ff (d_ff + 1) / 2` values.
    pub fn from_lower(d_ff: usize, count: u64, lower: &[f64]) -> Option<Self> {
        if triangle_len(d_ff) != Some(lower.len()) {
            return None;
        }
        let mut sum = vec![0.0; d_ff * d_ff];
        let cells = (0..d_ff).flat_map(|row| (0..=row).map(move |column| (row, column)));
        for ((row, column), &value) in cells.zip(lower) {
            sum[row * d_ff + column] = value;
            sum[column * d_ff + row] = value;
        }
        Some(Self { d_ff, count, sum })
    }

    /// Adds `k kᵀ` for each key. The products are f32, and their sum over all these keys is added
    /// in f64: a few thousand keys at a time lose nothing that matters.
    ///
    /// # Shapes
    /// - keys: `[n_tokens, d_ff]` each
    ///
    /// # Errors
    /// [`NotFinite`] when a product is infinite or not a number; nothing is added then.
    ///
    /// # Panics
    /// If the keys are of another length.
    pub fn add_keys(&mut self, keys: Vec<Tensor<2>>) -> Result<(), NotFinite> {
        let count: usize = keys.iter().map(|keys| keys.dims()[0]).sum();
        assert!(keys.iter().all(|keys| keys.dims()[1] == self.d_ff), "keys of this length");
        let products = if keys.iter().all(HostMatrix::can_hold) {
            lower_products(self.d_ff, keys)
        } else {
            let products = keys.into_iter().map(|keys| keys.clone().transpose().matmul(keys));
            products.reduce(|a, b| a + b).map_or_else(Vec::new, download)
        };
        if count > 0 {
            self.add(count as u64, &products)?;
        }
        Ok(())
    }

    /// Adds `Σ k kᵀ` over `count` keys, `[d_ff, d_ff]` in row-major order, of which the lower
    /// triangle is looked at.
    fn add(&mut self, count: u64, products: &[f32]) -> Result<(), NotFinite> {
        let d_ff = self.d_ff;
        let lower = |row: usize| &products[row * d_ff..=row * d_ff + row];
        if !(0..d_ff).into_par_iter().all(|row| lower(row).iter().all(|product| product.is_finite())) {
            return Err(NotFinite);
        }
        self.sum.par_chunks_mut(TILE * d_ff).enumerate().for_each(|(tile, rows)| {
            let first = tile * TILE;
            for (row, sum) in (first..).zip(rows.chunks_mut(d_ff)) {
                add_to(&mut sum[..=row], lower(row));
            }
            // Above the diagonal, the same values: what is symmetric stays so to the bit. They are
            // turned over a tile at a time, as they stand in columns.
            let mut turned = [[0.0; TILE]; TILE];
            for first_column in (first..d_ff).step_by(TILE) {
                let columns = first_column..(first_column + TILE).min(d_ff);
                for (index, column) in columns.clone().enumerate() {
                    let cells = &products[column * d_ff + first..column * d_ff + (first + TILE).min(d_ff)];
                    cells.iter().zip(&mut turned).for_each(|(&cell, turned)| turned[index] = cell);
                }
                for ((row, sum), turned) in (first..).zip(rows.chunks_mut(d_ff)).zip(&turned) {
                    let above = first_column.max(row + 1);
                    if above < columns.end {
                        add_to(&mut sum[above..columns.end], &turned[above - first_column..]);
                    }
                }
            }
        });
        self.count += count;
        Ok(())
    }

    /// Adds a sum over other keys.
    ///
    /// # Panics
    /// If the keys are of another length.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.d_ff, other.d_ff, "keys of the same length");
        for (sum, other) in self.sum.iter_mut().zip(&other.sum) {
            *sum += other;
        }
        self.count += other.count;
    }

    /// The length of a key.
    pub fn d_ff(&self) -> usize {
        self.d_ff
    }

    /// The number of keys summed, one for each token.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `Σ k kᵀ`, `[d_ff, d_ff]` in row-major order.
    pub fn sum(&self) -> &[f64] {
        &self.sum
    }

    /// The lower triangle of `Σ k kᵀ`, row by row, `d_ff (d_ff + 1) / 2` values.
    pub fn lower(&self) -> impl Iterator<Item = f64> {
        let rows = self.sum.chunks(self.d_ff.max(1)).enumerate();
        rows.flat_map(|(row, values)| &values[..=row]).copied()
    }

    /// An element of C: the sum divided by the count.
    pub fn mean(&self, row: usize, column: usize) -> f64 {
        self.sum[row * self.d_ff + column] / self.count.max(1) as f64
    }

    /// The trace of C: the mean squared norm of a key.
    pub fn trace(&self) -> f64 {
        (0..self.d_ff).map(|i| self.mean(i, i)).sum()
    }

    /// `tr(Mᵀ C M)`: the mean squared norm of `Mᵀ k`.
    ///
    /// # Shapes
    /// - matrix: `[d_ff, d_output]`, row by row
    ///
    /// # Panics
    /// If the matrix has not a whole number of columns.
    pub fn energy(&self, matrix: &[f32]) -> f64 {
        let d_output = matrix.len() / self.d_ff.max(1);
        assert_eq!(matrix.len(), self.d_ff * d_output, "a matrix with a row for each feature of a key");
        let sum = MatRef::from_row_major_slice(&self.sum, self.d_ff, self.d_ff);
        let matrix: Vec<f64> = matrix.iter().copied().map(f64::from).collect();
        let matrix = MatRef::from_row_major_slice(&matrix, self.d_ff, d_output);
        let product = sum * matrix;
        let columns = (0..d_output).map(|column| matrix.col(column).transpose() * product.col(column));
        columns.sum::<f64>() / self.count.max(1) as f64
    }
}

/// `Σ k kᵀ`, `[d_ff, d_ff]` in row-major order, of which only the lower triangle is computed: half
/// of the operations.
fn lower_products(d_ff: usize, keys: Vec<Tensor<2>>) -> Vec<f32> {
    let mut products = vec![0.0; d_ff * d_ff];
    for keys in keys {
        let keys = HostMatrix::new(keys);
        for keys in keys.values().chunks(AT_ONCE * d_ff) {
            let keys = MatRef::from_row_major_slice(keys, keys.len() / d_ff, d_ff);
            triangular::matmul(
                MatMut::from_row_major_slice_mut(&mut products, d_ff, d_ff),
                BlockStructure::TriangularLower,
                Accum::Add,
                keys.transpose(),
                BlockStructure::Rectangular,
                keys,
                BlockStructure::Rectangular,
                1.0,
                faer::get_global_parallelism(),
            );
        }
    }
    products
}

fn add_to(sum: &mut [f64], products: &[f32]) {
    sum.iter_mut().zip(products).for_each(|(sum, &product)| *sum += f64::from(product));
}

/// A key is infinite or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the keys are not finite")]
pub struct NotFinite;
