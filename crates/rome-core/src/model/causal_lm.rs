//! The interface of a language model.

use burn::prelude::*;

use super::block::Block;
use super::linear::EditableLinear;
use super::shape::ModelShape;
use crate::forward::Recorded;

/// A decoder given in the parts that ROME cuts between.
///
/// [`forward`] composes the parts, so that no family repeats the loop, the cache, attention, the
/// hooks or the backward pass.
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
    fn head<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m>;
}
