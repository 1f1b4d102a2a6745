use burn::prelude::*;
use rome_core::{EditableLinear, Projection, Recorded};

use super::rotary::Rotary;
use super::{Attention, GptJConfig, Mlp};
use crate::layers::apply_linear;
use crate::{Checkpoint, LayerNorm, ModelError};

/// `h.<layer>`: attention and MLP read the same norm, side by side.
#[derive(Module, Debug)]
pub struct Block {
    /// The norm before both.
    pub ln_1: LayerNorm,
    /// Attention.
    pub attn: Attention,
    /// The MLP.
    pub mlp: Mlp,
    rotary: Rotary,
}

impl Block {
    pub(super) fn load(
        checkpoint: &mut Checkpoint,
        layer: usize,
        config: &GptJConfig,
        rotary: &Rotary,
    ) -> Result<Self, ModelError> {
        let path = format!("transformer.h.{layer}");
        Ok(Self {
            ln_1: LayerNorm::load(
                checkpoint,
                &format!("{path}.ln_1"),
                config.n_embd,
                config.layer_norm_epsilon,
            )?,
            attn: Attention::load(checkpoint, &format!("{path}.attn"), config)?,
            mlp: Mlp::load(checkpoint, &format!("{path}.mlp"), config)?,
            rotary: rotary.clone(),
        })
    }
}

impl rome_core::Block for Block {
    fn norm<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m> {
        self.ln_1.forward(hidden)
    }

    fn project<'m>(
        &'m self,
        projection: Projection,
        normed: Recorded<'m>,
        positions: &Tensor<1, Int>,
    ) -> Recorded<'m> {
        self.attn.project(projection, normed, &self.rotary, positions)
    }

    fn attention_scale(&self) -> f64 {
        self.attn.scale
    }

    fn attention_output<'m>(&'m self, attended: Recorded<'m>) -> Recorded<'m> {
        apply_linear(&self.attn.out_proj, attended)
    }

    fn is_parallel(&self) -> bool {
        true
    }

    fn key<'m>(&'m self, input: Recorded<'m>) -> Recorded<'m> {
        self.mlp.key(input)
    }

    fn down_projection(&self) -> &dyn EditableLinear {
        &self.mlp.fc_out
    }
}
