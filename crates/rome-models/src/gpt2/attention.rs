use burn::nn::Linear;
use burn::prelude::*;
use rome_core::{Projection, Recorded};

use super::Gpt2Config;
use crate::layers::conv1d;
use crate::{Checkpoint, ModelError};

/// `h.<layer>.attn`: causal self-attention with one projection for queries, keys and values.
#[derive(Module, Debug)]
pub struct Attention {
    /// `[n_embd, 3 * n_embd]`
    pub c_attn: Linear,
    /// `[n_embd, n_embd]`
    pub c_proj: Linear,
    pub(super) scale: f64,
}

impl Attention {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        path: &str,
        layer: usize,
        config: &Gpt2Config,
    ) -> Result<Self, ModelError> {
        let d_model = config.n_embd;
        Ok(Self {
            c_attn: conv1d(checkpoint, &format!("{path}.c_attn"), [d_model, 3 * d_model])?,
            c_proj: conv1d(checkpoint, &format!("{path}.c_proj"), [d_model, d_model])?,
            scale: config.attention_scale(layer),
        })
    }

    /// # Shapes
    /// - input, output: `[n_tokens, n_embd]`
    pub fn project<'m>(&self, projection: Projection, input: Recorded<'m>) -> Recorded<'m> {
        let [d_model, _] = self.c_attn.weight.dims();
        let first = d_model
            * match projection {
                Projection::Query => 0,
                Projection::Key => 1,
                Projection::Value => 2,
            };
        let weight = self.c_attn.weight.val().narrow(1, first, d_model);
        let bias = self.c_attn.bias.as_ref().map(|bias| bias.val().narrow(0, first, d_model));
        input.linear(weight, bias)
    }
}
