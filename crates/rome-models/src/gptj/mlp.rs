use burn::nn::Linear;
use burn::prelude::*;
use rome_core::Recorded;

use super::GptJConfig;
use crate::activation::Activation;
use crate::layers::{apply_linear, linear};
use crate::{Checkpoint, ModelError};

/// `h.<layer>.mlp`: up, activation, down. `fc_out` is the linear map that ROME edits.
#[derive(Module, Debug)]
pub struct Mlp {
    /// Stored `[n_inner, n_embd]`.
    pub fc_in: Linear,
    /// Stored `[n_embd, n_inner]`.
    pub fc_out: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        path: &str,
        config: &GptJConfig,
    ) -> Result<Self, ModelError> {
        let (d_model, d_ff) = (config.n_embd, config.d_ff());
        Ok(Self {
            fc_in: linear(checkpoint, &format!("{path}.fc_in"), [d_model, d_ff])?,
            fc_out: linear(checkpoint, &format!("{path}.fc_out"), [d_ff, d_model])?,
            activation: config.activation_function,
        })
    }

    /// Returns what enters `fc_out`.
    ///
    /// # Shapes
    /// - input: `[n_tokens, n_embd]`
    /// - output: `[n_tokens, n_inner]`
    pub fn key<'m>(&self, input: Recorded<'m>) -> Recorded<'m> {
        self.activation.forward(apply_linear(&self.fc_in, input))
    }
}
