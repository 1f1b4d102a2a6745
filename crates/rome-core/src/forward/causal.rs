//! Causal attention of whole rows in the host's memory: what a position cannot see is not computed,
//! and heads are read where they stand among the others.

use faer::linalg::matmul::matmul;
use faer::prelude::*;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::host::{self, vectorised};
use super::softcap::bound;
use crate::model::AttentionRule;

/// Positions that attend together: to all that the last of them sees.
const CHUNK: usize = 64;

/// `e` to the power of less is no normal number in f32.
const LOG_OF_NOTHING: f32 = -87.0;

/// Rows of equal length.
pub(super) struct Rows<'a> {
    /// `[n_rows * len, n_heads * head_dim]`, row by row
    pub(super) query: &'a [f32],
    /// `[n_rows * len, n_kv_heads * head_dim]`, row by row
    pub(super) key: &'a [f32],
    /// `[n_rows * len, n_kv_heads * head_dim]`, row by row
    pub(super) value: &'a [f32],
    pub(super) n_rows: usize,
    pub(super) len: usize,
    pub(super) n_heads: usize,
    pub(super) n_kv_heads: usize,
}

impl Rows<'_> {
    /// Attends within each row, on the calling thread.
    ///
    /// # Shapes
    /// - output: `[n_rows * len, n_heads * head_dim]`, row by row
    pub(super) fn attend(&self, rule: AttentionRule, output: &mut [f32]) {
        let &Self { n_rows, len, n_heads, n_kv_heads, .. } = self;
        let n_tokens = n_rows * len;
        let width = self.query.len() / n_tokens;
        let head_dim = width / n_heads;
        let matrix = |values| MatRef::from_row_major_slice(values, n_tokens, head_dim * n_kv_heads);
        let (key, value) = (matrix(self.key), matrix(self.value));
        let query = MatRef::from_row_major_slice(self.query, n_tokens, width);
        let mut output = MatMut::from_row_major_slice_mut(output, n_tokens, width);
        let mut scores = Mat::zeros(len, CHUNK.min(len));
        let scale = rule.scale as f32;
        let window = rule.window.unwrap_or(len);
        for (row, head) in (0..n_rows).flat_map(|row| (0..n_heads).map(move |head| (row, head))) {
            let (start, column) = (row * len, head * head_dim);
            let kv_column = head * n_kv_heads / n_heads * head_dim;
            for first in (0..len).step_by(CHUNK) {
                let end = (first + CHUNK).min(len);
                // The first position that the first of them sees.
                let seen_from = (first + 1).saturating_sub(window);
                let (n_queries, n_keys) = (end - first, end - seen_from);
                let query = query.submatrix(start + first, column, n_queries, head_dim);
                let key = key.submatrix(start + seen_from, kv_column, n_keys, head_dim);
                let value = value.submatrix(start + seen_from, kv_column, n_keys, head_dim);
                // A column for each query, so that its scores are side by side.
                let mut scores = scores.as_mut().submatrix_mut(0, 0, n_keys, n_queries);
                matmul(scores.rb_mut(), Accum::Replace, key, query.transpose(), scale, Par::Seq);
                for (index, column) in scores.rb_mut().col_iter_mut().enumerate() {
                    let column = column.try_as_col_major_mut().expect("a column of an owned matrix");
                    let position = first + index;
                    let (column, later) = column.as_slice_mut().split_at_mut(position + 1 - seen_from);
                    let far = (position + 1).saturating_sub(window) - seen_from;
                    let (earlier, seen) = column.split_at_mut(far);
                    if let Some(cap) = rule.softcap {
                        bound(seen, cap as f32);
                    }
                    softmax(seen);
                    earlier.fill(0.0);
                    later.fill(0.0);
                }
                let output = output.rb_mut().submatrix_mut(start + first, column, n_queries, head_dim);
                matmul(output, Accum::Replace, scores.transpose(), value, 1.0, Par::Seq);
            }
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
