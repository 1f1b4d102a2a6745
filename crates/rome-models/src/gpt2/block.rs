use burn::prelude::*;
use rome_core::{EditableLinear, Projection, Recorded};

use super::{Attention, Gpt2Config, Mlp};
use crate::layers::apply_conv1d;
use crate::{Checkpoint, LayerNorm, ModelError};

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
            LayerNorm::load(checkpoint, &format!("{path}.{name}"), config.n_embd, config.layer_norm_epsilon)
        };
        Ok(Self {
            ln_1: norm(checkpoint, "ln_1")?,
            attn: Attention::load(checkpoint, &format!("{path}.attn"), layer, config)?,
            ln_2: norm(checkpoint, "ln_2")?,
            mlp: Mlp::load(checkpoint, &format!("{path}.mlp"), config)?,
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
        _positions: &Tensor<1, Int>,
    ) -> Recorded<'m> {
        self.attn.project(projection, normed)
    }

    fn attention_scale(&self) -> f64 {
        self.attn.scale
    }

    fn attention_output<'m>(&'m self, attended: Recorded<'m>) -> Recorded<'m> {
        apply_conv1d(&self.attn.c_proj, attended)
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn key<'m>(&'m self, input: Recorded<'m>) -> Recorded<'m> {
        self.mlp.key(self.ln_2.forward(input))
    }

    fn down_projection(&self) -> &dyn EditableLinear {
        &self.mlp.c_proj
    }
}
