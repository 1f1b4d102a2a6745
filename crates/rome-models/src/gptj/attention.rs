use burn::nn::Linear;
use burn::prelude::*;
use rome_core::{Projection, Recorded};

use super::GptJConfig;
use super::rotary::Rotary;
use crate::layers::{apply_linear, linear_without_bias};
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
    pub(super) scale: f64,
}

impl Attention {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        path: &str,
        config: &GptJConfig,
    ) -> Result<Self, ModelError> {
        let mut projection = |name: &str| {
            linear_without_bias(checkpoint, &format!("{path}.{name}"), [config.n_embd, config.n_embd])
        };
        Ok(Self {
            q_proj: projection("q_proj")?,
            k_proj: projection("k_proj")?,
            v_proj: projection("v_proj")?,
            out_proj: projection("out_proj")?,
            scale: (config.head_dim() as f64).sqrt().recip(),
        })
    }

    /// # Shapes
    /// - input, output: `[n_tokens, n_embd]`
    /// - positions: `[n_tokens]`
    pub(super) fn project<'m>(
        &self,
        projection: Projection,
        input: Recorded<'m>,
        rotary: &Rotary,
        positions: &Tensor<1, Int>,
    ) -> Recorded<'m> {
        match projection {
            Projection::Query => rotary.rotate(apply_linear(&self.q_proj, input), positions),
            Projection::Key => rotary.rotate(apply_linear(&self.k_proj, input), positions),
            Projection::Value => apply_linear(&self.v_proj, input),
        }
    }
}
