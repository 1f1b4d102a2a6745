use burn::nn::Linear;
use burn::prelude::*;
use rome_core::Attend;

use super::GptJConfig;
use super::rotary::Rotary;
use crate::layers::linear;
use crate::{Checkpoint, ModelError};

/// `h.<layer>.attn`: causal self-attention with rotary positions and no biases.
#[derive(Module, Debug)]
pub struct Attention {
    /// Queries, stored `[n_embd, n_embd]` as outputs × inputs, like the other three.
    pub q_proj: Linear,
    /// Keys.
    pub k_proj: Linear,
    /// Values.
    pub v_proj: Linear,
    /// The output.
    pub out_proj: Linear,
    n_head: usize,
    scale: f64,
}

impl Attention {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        path: &str,
        config: &GptJConfig,
    ) -> Result<Self, ModelError> {
        let mut projection =
            |name: &str| linear(checkpoint, &format!("{path}.{name}"), [config.n_embd, config.n_embd], false);
        Ok(Self {
            q_proj: projection("q_proj")?,
            k_proj: projection("k_proj")?,
            v_proj: projection("v_proj")?,
            out_proj: projection("out_proj")?,
            n_head: config.n_head,
            scale: (config.head_dim() as f64).sqrt().recip(),
        })
    }

    /// # Shapes
    /// - input, output: `[n_tokens, n_embd]`
    pub fn forward(&self, input: Tensor<2>, rotary: &Rotary, attend: Attend<'_, '_>) -> Tensor<2> {
        let angles = rotary.at(attend.positions());
        let query = rotary.rotate(self.q_proj.forward(input.clone()), &angles);
        let key = rotary.rotate(self.k_proj.forward(input.clone()), &angles);
        let value = self.v_proj.forward(input);
        self.out_proj.forward(attend.attend(query, key, value, self.n_head, self.scale))
    }
}
