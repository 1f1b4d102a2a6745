use burn::nn::Linear;
use burn::prelude::*;
use rome_core::Attend;

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
    n_head: usize,
    scale: f64,
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
            n_head: config.n_head,
            scale: config.attention_scale(layer),
        })
    }

    /// # Shapes
    /// - input, output: `[n_tokens, n_embd]`
    pub fn forward(&self, input: Tensor<2>, attend: Attend<'_, '_>) -> Tensor<2> {
        let [query, key, value] = split_in_three(self.c_attn.forward(input));
        self.c_proj.forward(attend.attend(query, key, value, self.n_head, self.scale))
    }
}

fn split_in_three(qkv: Tensor<2>) -> [Tensor<2>; 3] {
    let [_, width] = qkv.dims();
    let third = width / 3;
    [0, 1, 2].map(|part| qkv.clone().narrow(1, part * third, third))
}
