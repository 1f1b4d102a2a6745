use burn::nn::LayerNorm;
use burn::prelude::*;
use rome_core::Attend;

use super::{Attention, Gpt2Config, Mlp};
use crate::layers::layer_norm;
use crate::{Checkpoint, ModelError};

/// `h.<layer>`: the MLP reads what attention has added.
#[derive(Module, Debug)]
pub struct Block {
    /// The norm before attention.
    pub ln_1: LayerNorm,
    /// Attention.
    pub attn: Attention,
    /// The norm before the MLP.
    pub ln_2: LayerNorm,
    /// The MLP.
    pub mlp: Mlp,
}

impl Block {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        layer: usize,
        config: &Gpt2Config,
    ) -> Result<Self, ModelError> {
        let path = format!("transformer.h.{layer}");
        let norm = |checkpoint: &mut Checkpoint, name: &str| {
            layer_norm(checkpoint, &format!("{path}.{name}"), config.n_embd, config.layer_norm_epsilon)
        };
        Ok(Self {
            ln_1: norm(checkpoint, "ln_1")?,
            attn: Attention::load(checkpoint, &format!("{path}.attn"), layer, config)?,
            ln_2: norm(checkpoint, "ln_2")?,
            mlp: Mlp::load(checkpoint, &format!("{path}.mlp"), config)?,
        })
    }

    pub(super) fn attention(&self, hidden: Tensor<2>, attend: Attend<'_, '_>) -> Tensor<2> {
        self.attn.forward(self.ln_1.forward(hidden), attend)
    }

    pub(super) fn key(&self, hidden: Tensor<2>, attention: Tensor<2>) -> Tensor<2> {
        self.mlp.key(self.ln_2.forward(hidden + attention))
    }
}
