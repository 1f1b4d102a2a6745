use burn::module::Param;
use burn::nn::Linear;
use burn::prelude::*;
use rome_core::{CausalLm, EditableLinear, ModelShape, Recorded, widen};

use super::rotary::Rotary;
use super::{Block, GptJConfig};
use crate::layers::{apply_linear, frozen};
use crate::{Checkpoint, LayerNorm, ModelError};

/// GPT-J with its language-model head.
#[derive(Module, Debug)]
pub struct GptJ {
    /// Token embeddings, `[vocab_size, n_embd]`.
    pub wte: Param<Tensor<2>>,
    /// The blocks.
    pub h: Vec<Block>,
    /// The final norm.
    pub ln_f: LayerNorm,
    /// The head, with a bias.
    pub lm_head: Linear,
    #[module(skip)]
    shape: ModelShape,
}

impl GptJ {
    /// Takes the model out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn load(checkpoint: &mut Checkpoint, config: &GptJConfig) -> Result<Self, ModelError> {
        let embeddings = [config.vocab_size, config.n_embd];
        let wte: Tensor<2> = checkpoint.take("transformer.wte.weight", embeddings)?;
        let head = if config.tie_word_embeddings && !checkpoint.has("lm_head.weight") {
            wte.clone()
        } else {
            checkpoint.take("lm_head.weight", embeddings)?
        };
        let lm_head = Linear {
            weight: frozen(head.transpose()),
            bias: Some(frozen(checkpoint.take("lm_head.bias", [config.vocab_size])?)),
        };
        let rotary = Rotary::new(config, checkpoint.device());
        Ok(Self {
            wte: frozen(wte),
            h: (0..config.n_layer)
                .map(|layer| Block::load(checkpoint, layer, config, &rotary))
                .collect::<Result<_, _>>()?,
            ln_f: LayerNorm::load(checkpoint, "transformer.ln_f", config.n_embd, config.layer_norm_epsilon)?,
            lm_head,
            shape: config.shape(),
        })
    }
}

impl CausalLm for GptJ {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn device(&self) -> Device {
        self.wte.device()
    }

    fn embed(&self, tokens: Tensor<1, Int>, _positions: Tensor<1, Int>) -> Tensor<2> {
        self.embed_tokens(tokens)
    }

    fn embed_tokens(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        widen(self.wte.val().select(0, tokens))
    }

    fn block(&self, layer: usize) -> &dyn rome_core::Block {
        &self.h[layer]
    }

    fn down_projection_mut(&mut self, layer: usize) -> &mut dyn EditableLinear {
        &mut self.h[layer].mlp.fc_out
    }

    fn weight_name(&self, layer: usize) -> String {
        GptJConfig::weight_name(layer)
    }

    fn head<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m> {
        apply_linear(&self.lm_head, self.ln_f.forward(hidden))
    }
}
