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

/// The state that an MLP reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlpInput {
    /// `hidden + attention`: the MLP stands after attention (GPT-2, Llama).
    Sum,
    /// The input of attention: the MLP stands beside attention and shares its norm (GPT-J).
    Normed,
    /// `hidden`: the MLP stands beside attention and has a norm of its own (GPT-NeoX).
    Hidden,
}

impl MlpInput {
    /// True if the MLP stands beside attention, so that it depends on each position alone.
    pub fn is_parallel(self) -> bool {
        self != Self::Sum
    }
}

/// The rule of attention's scores: how they come about, and which of them count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionRule {
    /// The factor of the products of queries and keys, usually `1 / sqrt(head_dim)`.
    pub scale: f64,
    /// The bound `c` of scaled scores `s`, which become `c tanh(s / c)`.
    pub softcap: Option<f64>,
    /// The number of positions that a position sees, itself included; all that precede it if `None`.
    pub window: Option<usize>,
}

impl AttentionRule {
    /// The rule of most models: scaled scores of all that precede.
    pub fn scaled(scale: f64) -> Self {
        Self { scale, softcap: None, window: None }
    }
}

/// One block of a decoder: `hidden + attention + contribution(down_projection(key))`.
///
/// The families differ in what the key is made from, see [`MlpInput`], and in what stands between the down
/// projection and the residual stream, see [`contribution`](Self::contribution).
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
    /// - output: `[n_tokens, n_heads * head_dim]`, of keys and values `[n_tokens, n_kv_heads * head_dim]`
    fn project<'m>(
        &'m self,
        projection: Projection,
        normed: Recorded<'m>,
        positions: &Tensor<1, Int>,
    ) -> Recorded<'m>;

    /// The rule of attention's scores.
    fn attention_rule(&self) -> AttentionRule;

    /// Returns what attention adds to the residual stream.
    ///
    /// # Shapes
    /// - attended: `[n_tokens, n_heads * head_dim]`
    /// - output: `[n_tokens, d_model]`
    fn attention_output<'m>(&'m self, attended: Recorded<'m>) -> Recorded<'m>;

    /// The state that the MLP reads.
    fn mlp_input(&self) -> MlpInput;

    /// Returns the key: what enters the down projection.
    ///
    /// # Shapes
    /// - input: `[n_tokens, d_model]`, the state that [`mlp_input`](Self::mlp_input) names
    /// - output: `[n_tokens, d_ff]`
    fn key<'m>(&'m self, input: Recorded<'m>) -> Recorded<'m>;

    /// The number of products of `d_model × d_ff` in the MLP: up and down, and the gate if there is one.
    fn n_mlp_products(&self) -> usize {
        2
    }

    /// Returns the linear map that ROME edits.
    fn down_projection(&self) -> &dyn EditableLinear;

    /// Returns what the MLP adds to the residual stream: the down projection's output as it is, unless a norm
    /// or a factor stands between.
    ///
    /// # Shapes
    /// - value, output: `[n_tokens, d_model]`
    fn contribution<'m>(&'m self, value: Recorded<'m>) -> Recorded<'m> {
        value
    }

    /// True if [`contribution`](Self::contribution) returns the down projection's output as it is.
    fn adds_value(&self) -> bool {
        true
    }
}
