//! Causal attention of whole rows in the host's memory: what a position cannot see is not computed,
//! and heads are read where they stand among the others.

use faer::linalg::matmul::matmul;
use faer::prelude::*;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::host::{self, vectorised};

/// Positions that attend together: to all that the last of them sees.
const CHUNK: usize = 64;

/// `e` to the power of less is no normal number in f32.
const LOG_OF_NOTHING: f32 = -87.0;

/// Attends within rows of equal length, on the calling thread.
///
/// # Shapes
/// - query, key, value, output: `[n_rows * len, n_heads * head_dim]`, row by row
pub(crate) fn attend(
    [query, key, value]: [&[f32]; 3],
    output: &mut [f32],
    (n_rows, len): (usize, usize),
    n_heads: usize,
    scale: f32,
) {
    let width = query.len() / (n_rows * len);
    let head_dim = width / n_heads;
    let [query, key, value] =
        [query, key, value].map(|x| MatRef::from_row_major_slice(x, n_rows * len, width));
    let mut output = MatMut::from_row_major_slice_mut(output, n_rows * len, width);
    let mut scores = Mat::zeros(len, CHUNK.min(len));
    for (row, head) in (0..n_rows).flat_map(|row| (0..n_heads).map(move |head| (row, head))) {
        let (start, column) = (row * len, head * head_dim);
        for first in (0..len).step_by(CHUNK) {
            let end = (first + CHUNK).min(len);
            let n_queries = end - first;
            let query = query.submatrix(start + first, column, n_queries, head_dim);
            let key = key.submatrix(start, column, end, head_dim);
            let value = value.submatrix(start, column, end, head_dim);
            // A column for each query, so that its scores are side by side.
            let mut scores = scores.as_mut().submatrix_mut(0, 0, end, n_queries);
            matmul(scores.rb_mut(), Accum::Replace, key, query.transpose(), scale, Par::Seq);
            for (index, column) in scores.rb_mut().col_iter_mut().enumerate() {
                let column = column.try_as_col_major_mut().expect("a column of an owned matrix");
                let (seen, hidden) = column.as_slice_mut().split_at_mut(first + index + 1);
                softmax(seen);
                hidden.fill(0.0);
            }
            let output = output.rb_mut().submatrix_mut(start + first, column, n_queries, head_dim);
            matmul(output, Accum::Replace, scores.transpose(), value, 1.0, Par::Seq);
        }
    }
}

/// Takes the softmax of a row of scores, in place. A share too small for f32 is zero.
pub(crate) fn softmax(row: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            let greatest = host::max(row);
            for x in row.iter_mut() {
                *x -= greatest;
                *x = if *x < LOG_OF_NOTHING { 0.0 } else { host::exp(*x) };
            }
            let total = host::sum(row, row, |x, _| x);
            row.iter_mut().for_each(|x| *x /= total);
        },
    );
}
