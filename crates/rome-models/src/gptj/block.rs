use burn::nn::LayerNorm;
use burn::prelude::*;
use rome_core::Attend;

use super::rotary::Rotary;
use super::{Attention, GptJConfig, Mlp};
use crate::layers::layer_norm;
use crate::{Checkpoint, ModelError};

/// `h.<layer>`: attention and MLP read the same norm, side by side.
#[derive(Module, Debug)]
pub struct Block {
    /// The norm before both.
    pub ln_1: LayerNorm,
    /// Attention.
    pub attn: Attention,
    /// The MLP.
    pub mlp: Mlp,
}

impl Block {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        layer: usize,
        config: &GptJConfig,
    ) -> Result<Self, ModelError> {
        let path = format!("transformer.h.{layer}");
        Ok(Self {
            ln_1: layer_norm(checkpoint, &format!("{path}.ln_1"), config.n_embd, config.layer_norm_epsilon)?,
            attn: Attention::load(checkpoint, &format!("{path}.attn"), config)?,
            mlp: Mlp::load(checkpoint, &format!("{path}.mlp"), config)?,
        })
    }

    pub(super) fn attention(&self, hidden: Tensor<2>, rotary: &Rotary, attend: Attend<'_, '_>) -> Tensor<2> {
        self.attn.forward(self.ln_1.forward(hidden), rotary, attend)
    }

    pub(super) fn key(&self, hidden: Tensor<2>) -> Tensor<2> {
        self.mlp.key(self.ln_1.forward(hidden))
    }
}
