use burn::nn::Linear;
use burn::prelude::*;
use rome_core::Recorded;

use super::Gpt2Config;
use crate::activation::Activation;
use crate::layers::{apply_conv1d, conv1d};
use crate::{Checkpoint, ModelError};

/// `h.<layer>.mlp`: up, activation, down. `c_proj` is the linear map that ROME edits.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `[n_embd, n_inner]`
    pub c_fc: Linear,
    /// `[n_inner, n_embd]`
    pub c_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        path: &str,
        config: &Gpt2Config,
    ) -> Result<Self, ModelError> {
        let (d_model, d_ff) = (config.n_embd, config.d_ff());
        Ok(Self {
            c_fc: conv1d(checkpoint, &format!("{path}.c_fc"), [d_model, d_ff])?,
            c_proj: conv1d(checkpoint, &format!("{path}.c_proj"), [d_ff, d_model])?,
            activation: config.activation_function,
        })
    }

    /// Returns what enters `c_proj`.
    ///
    /// # Shapes
    /// - input: `[n_tokens, n_embd]`
    /// - output: `[n_tokens, n_inner]`
    pub fn key<'m>(&self, input: Recorded<'m>) -> Recorded<'m> {
        self.activation.forward(apply_conv1d(&self.c_fc, input))
    }
}
