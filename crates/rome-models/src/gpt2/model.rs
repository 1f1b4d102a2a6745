use burn::module::Param;
use burn::prelude::*;
use rome_core::{CausalLm, EditableLinear, ModelShape, Recorded, widen};

use super::{Block, Gpt2Config};
use crate::layers::frozen;
use crate::{Checkpoint, LayerNorm, ModelError};

/// GPT-2 with its language-model head.
#[derive(Module, Debug)]
pub struct Gpt2 {
    /// Token embeddings, `[vocab_size, n_embd]`.
    pub wte: Param<Tensor<2>>,
    /// Position embeddings, `[n_positions, n_embd]`.
    pub wpe: Param<Tensor<2>>,
    /// The blocks.
    pub h: Vec<Block>,
    /// The final norm.
    pub ln_f: LayerNorm,
    /// The head, `[vocab_size, n_embd]`; `wte` unless the checkpoint has its own.
    pub lm_head: Option<Param<Tensor<2>>>,
    #[module(skip)]
    shape: ModelShape,
}

impl Gpt2 {
    /// Takes the model out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn load(checkpoint: &mut Checkpoint, config: &Gpt2Config) -> Result<Self, ModelError> {
        let embeddings = [config.vocab_size, config.n_embd];
        let lm_head = if config.tie_word_embeddings && !checkpoint.has("lm_head.weight") {
            None
        } else {
            Some(frozen(checkpoint.take("lm_head.weight", embeddings)?))
        };
        Ok(Self {
            wte: frozen(checkpoint.take("transformer.wte.weight", embeddings)?),
            wpe: frozen(checkpoint.take("transformer.wpe.weight", [config.n_positions, config.n_embd])?),
            h: (0..config.n_layer)
                .map(|layer| Block::load(checkpoint, layer, config))
                .collect::<Result<_, _>>()?,
            ln_f: LayerNorm::load(checkpoint, "transformer.ln_f", config.n_embd, config.layer_norm_epsilon)?,
            lm_head,
            shape: config.shape(),
        })
    }
}

impl CausalLm for Gpt2 {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn device(&self) -> Device {
        self.wte.device()
    }

    fn embed(&self, tokens: Tensor<1, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        self.embed_tokens(tokens) + widen(self.wpe.val().select(0, positions))
    }

    fn embed_tokens(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        widen(self.wte.val().select(0, tokens))
    }

    fn block(&self, layer: usize) -> &dyn rome_core::Block {
        &self.h[layer]
    }

    fn down_projection_mut(&mut self, layer: usize) -> &mut dyn EditableLinear {
        &mut self.h[layer].mlp.c_proj
    }

    fn weight_name(&self, layer: usize) -> String {
        Gpt2Config::weight_name(layer)
    }

    fn head<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m> {
        let embeddings = self.lm_head.as_ref().unwrap_or(&self.wte).val();
        self.ln_f.forward(hidden).linear_transposed(embeddings, None)
    }
}
