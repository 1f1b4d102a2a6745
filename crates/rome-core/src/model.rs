//! What this project asks of a language model.

use burn::prelude::*;

use crate::{Attend, EditableLinear};

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
/// A block is `hidden + attention + down_projection(key)`. The two families differ in what the
/// key is made from: GPT-2 reads `hidden + attention`, GPT-J reads `hidden` alone. [`forward`]
/// composes the parts, so that no family repeats the loop, the cache or the taps.
///
/// All hidden states are packed: `[n_tokens, d_model]`, the rows of a [`Batch`] one after
/// another without padding.
///
/// [`forward`]: crate::forward
/// [`Batch`]: crate::Batch
pub trait CausalLm: Send {
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

    /// Returns the attention's output of block `layer`, without the residual.
    ///
    /// # Shapes
    /// - hidden, output: `[n_tokens, d_model]`
    fn attention(&self, layer: usize, hidden: Tensor<2>, attend: Attend<'_, '_>) -> Tensor<2>;

    /// Returns the key of block `layer`: what enters its down projection.
    ///
    /// # Shapes
    /// - hidden, attention: `[n_tokens, d_model]`
    /// - output: `[n_tokens, d_ff]`
    fn key(&self, layer: usize, hidden: Tensor<2>, attention: Tensor<2>) -> Tensor<2>;

    /// Returns the down projection of block `layer`, the linear map that ROME edits.
    fn down_projection(&self, layer: usize) -> &dyn EditableLinear;

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
    fn head(&self, hidden: Tensor<2>) -> Tensor<2>;
}
