//! One block of a decoder.

use burn::prelude::*;

use super::linear::EditableLinear;
use crate::forward::Recorded;

/// The three projections of attention, each of the same normed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// The projection that a position searches with.
    Query,
    /// The projection that a position is found by.
    Key,
    /// The projection that a position contributes.
    Value,
}

/// One block of a decoder: `hidden + attention + down_projection(key)`.
///
/// The families differ in what the key is made from: GPT-2 reads the norm of
/// `hidden + attention`, GPT-J the same normed state as attention does.
pub trait Block: Sync {
    /// Returns what attention reads.
    ///
    /// # Shapes
    /// - hidden, output: `[n_tokens, d_model]`
    fn norm<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m>;

    /// Returns queries, keys or values of attention, positions applied.
    ///
    /// # Shapes
    /// - normed: `[n_tokens, d_model]`
    /// - positions: `[n_tokens]`, each token's place in its sequence
    /// - output: `[n_tokens, n_heads * head_dim]`
    fn project<'m>(
        &'m self,
        projection: Projection,
        normed: Recorded<'m>,
        positions: &Tensor<1, Int>,
    ) -> Recorded<'m>;

    /// The factor of the products of queries and keys, usually `1 / sqrt(head_dim)`.
    fn attention_scale(&self) -> f64;

    /// Returns the attention's output, without the residual.
    ///
    /// # Shapes
    /// - attended: `[n_tokens, n_heads * head_dim]`
    /// - output: `[n_tokens, d_model]`
    fn attention_output<'m>(&'m self, attended: Recorded<'m>) -> Recorded<'m>;

    /// True if the MLP stands beside attention and reads what attention reads (GPT-J), rather
    /// than after it, reading `hidden + attention` (GPT-2).
    fn is_parallel(&self) -> bool;

    /// Returns the key: what enters the down projection.
    ///
    /// # Shapes
    /// - input: `[n_tokens, d_model]`, the output of [`norm`](Self::norm) if
    ///   [parallel](Self::is_parallel), `hidden + attention` otherwise
    /// - output: `[n_tokens, d_ff]`
    fn key<'m>(&'m self, input: Recorded<'m>) -> Recorded<'m>;

    /// Returns the linear map that ROME edits.
    fn down_projection(&self) -> &dyn EditableLinear;
}
