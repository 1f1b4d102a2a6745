//! What this project asks of a language model.

use burn::prelude::*;

use crate::{Chain, EditableLinear};

/// The sizes of a decoder, under the names of the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelShape {
    /// The architecture's name as in `config.json` (`model_type`), such as `gpt2` or `gptj`.
    pub family: String,
    /// The number of blocks.
    pub n_layers: usize,
    /// The width of the residual stream.
    pub d_model: usize,
    /// The width inside the MLP: the length of a key.
    pub d_ff: usize,
    /// The number of attention heads.
    pub n_heads: usize,
    /// The number of rows of the embedding, which may exceed the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// The longest sequence the model takes, in tokens.
    pub n_positions: usize,
}

/// A decoder given in the parts that ROME cuts between.
///
/// [`forward`] composes the parts, so that no family repeats the loop, the cache, attention, the
/// taps or the way back.
///
/// All hidden states are packed: `[n_tokens, d_model]`, the rows of a [`Batch`] one after
/// another without padding.
///
/// [`forward`]: crate::forward
/// [`Batch`]: crate::Batch
pub trait CausalLm: Send + Sync {
    /// Returns the sizes of the model.
    fn shape(&self) -> &ModelShape;

    /// Returns the device that holds the weights.
    fn device(&self) -> Device;

    /// Embeds tokens at their positions.
    ///
    /// # Shapes
    /// - tokens, positions: `[n_tokens]`
    /// - output: `[n_tokens, d_model]`
    fn embed(&self, tokens: Tensor<1, Int>, positions: Tensor<1, Int>) -> Tensor<2>;

    /// Embeds tokens alone, without their positions: what tracing corrupts.
    ///
    /// # Shapes
    /// - tokens: `[n_tokens]`
    /// - output: `[n_tokens, d_model]`
    fn embed_tokens(&self, tokens: Tensor<1, Int>) -> Tensor<2>;

    /// Returns block `layer`.
    fn block(&self, layer: usize) -> &dyn Block;

    /// Returns the down projection of block `layer` for a change.
    fn down_projection_mut(&mut self, layer: usize) -> &mut dyn EditableLinear;

    /// Returns the canonical name of the down projection's weight, such as
    /// `transformer.h.17.mlp.c_proj.weight`, whatever the checkpoint calls it.
    fn weight_name(&self, layer: usize) -> String;

    /// Returns logits: the final norm, then the language-model head.
    ///
    /// # Shapes
    /// - hidden: `[n_tokens, d_model]`
    /// - output: `[n_tokens, vocab_size]`
    fn head<'m>(&'m self, hidden: Chain<'m>) -> Chain<'m>;
}

/// What attention compares and mixes, each projected from the same normed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// What a position looks for.
    Query,
    /// What a position is found by.
    Key,
    /// What a position has to give.
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
    fn norm<'m>(&'m self, hidden: Chain<'m>) -> Chain<'m>;

    /// Returns queries, keys or values of attention, positions applied.
    ///
    /// # Shapes
    /// - normed: `[n_tokens, d_model]`
    /// - positions: `[n_tokens]`, each token's place in its sequence
    /// - output: `[n_tokens, n_heads * head_dim]`
    fn project<'m>(
        &'m self,
        projection: Projection,
        normed: Chain<'m>,
        positions: &Tensor<1, Int>,
    ) -> Chain<'m>;

    /// The factor of the products of queries and keys, usually `1 / sqrt(head_dim)`.
    fn attention_scale(&self) -> f64;

    /// Returns the attention's output, without the residual.
    ///
    /// # Shapes
    /// - attended: `[n_tokens, n_heads * head_dim]`
    /// - output: `[n_tokens, d_model]`
    fn attention_output<'m>(&'m self, attended: Chain<'m>) -> Chain<'m>;

    /// Whether the MLP stands beside attention and reads what attention reads (GPT-J), rather
    /// than after it, reading `hidden + attention` (GPT-2).
    fn is_parallel(&self) -> bool;

    /// Returns the key: what enters the down projection.
    ///
    /// # Shapes
    /// - input: `[n_tokens, d_model]`, the output of [`norm`](Self::norm) if
    ///   [parallel](Self::is_parallel), `hidden + attention` otherwise
    /// - output: `[n_tokens, d_ff]`
    fn key<'m>(&'m self, input: Chain<'m>) -> Chain<'m>;

    /// Returns the linear map that ROME edits.
    fn down_projection(&self) -> &dyn EditableLinear;
}
