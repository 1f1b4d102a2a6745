//! The one hook into the forward pass.

use burn::prelude::*;

/// A place in a block whose output a [`Hook`] sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The state that attention adds to the residual stream: `[n_tokens, d_model]`.
    Attention,
    /// The input of the down projection: `[n_tokens, d_ff]`.
    Key,
    /// The output of the down projection, bias included: `[n_tokens, d_model]`.
    Mlp,
    /// The output of the whole block: `[n_tokens, d_model]`.
    Block,
}

/// A part of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HookPoint {
    /// The block's index, from 0.
    pub layer: usize,
    /// The part of the block.
    pub part: Part,
}

/// Observes or changes hidden states on their way through the blocks.
///
/// Any `FnMut(HookPoint, Tensor<2>) -> Tensor<2>` is a tap. `()` is the tap that does nothing.
pub trait Hook {
    /// Receives the state at `site` and returns the one to go on with.
    fn hook(&mut self, site: HookPoint, state: Tensor<2>) -> Tensor<2>;
}

impl<F: FnMut(HookPoint, Tensor<2>) -> Tensor<2>> Hook for F {
    fn hook(&mut self, site: HookPoint, state: Tensor<2>) -> Tensor<2> {
        self(site, state)
    }
}

impl Hook for () {
    fn hook(&mut self, _site: HookPoint, state: Tensor<2>) -> Tensor<2> {
        state
    }
}
