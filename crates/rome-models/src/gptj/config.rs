use rome_core::ModelShape;
use serde::Deserialize;

use crate::ModelError;
use crate::activation::Activation;
use crate::sizes::{check_sizes, config_error};
use crate::token_ids::TokenIds;

/// The configuration of GPT-J, under the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GptJConfig {
    /// The number of embeddings, which may exceed the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// The context length.
    pub n_positions: usize,
    /// The residual width, `d_model`.
    pub n_embd: usize,
    /// The number of blocks.
    pub n_layer: usize,
    /// The number of attention heads.
    pub n_head: usize,
    /// The MLP's width; four times `n_embd` if not set.
    #[serde(default)]
    pub n_inner: Option<usize>,
    /// The number of rotated features of each head; all of them if not set.
    #[serde(default)]
    pub rotary_dim: Option<usize>,
    /// The MLP's activation.
    #[serde(default = "gelu_new")]
    pub activation_function: Activation,
    /// The epsilon of the layer norms.
    #[serde(default = "epsilon")]
    pub layer_norm_epsilon: f64,
    /// True if the head is the token embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// The token that sequences start with.
    #[serde(default)]
    pub bos_token_id: TokenIds,
    /// The tokens that end a text.
    #[serde(default)]
    pub eos_token_id: TokenIds,
}

fn gelu_new() -> Activation {
    Activation::GeluNew
}

fn epsilon() -> f64 {
    1e-5
}

impl GptJConfig {
    /// The canonical name of a layer's down projection.
    pub(crate) fn weight_name(layer: usize) -> String {
        format!("transformer.h.{layer}.mlp.fc_out.weight")
    }

    /// The MLP's width.
    pub fn d_ff(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    /// The width of a head.
    pub fn head_dim(&self) -> usize {
        self.n_embd / self.n_head
    }

    /// The number of rotated features of each head.
    pub fn rotary_dim(&self) -> usize {
        self.rotary_dim.unwrap_or(self.head_dim())
    }

    /// The sizes of the model.
    pub fn shape(&self) -> ModelShape {
        ModelShape {
            family: "gptj".to_owned(),
            n_layers: self.n_layer,
            d_model: self.n_embd,
            d_ff: self.d_ff(),
            n_heads: self.n_head,
            vocab_size: self.vocab_size,
            n_positions: self.n_positions,
        }
    }

    /// True if a checkpoint's tensor, by its canonical name, is a buffer that follows from the configuration.
    pub(crate) fn is_buffer(name: &str) -> bool {
        const BUFFERS: [&str; 3] = [".attn.bias", ".attn.masked_bias", ".attn.embed_positions"];
        BUFFERS.iter().any(|buffer| name.ends_with(buffer))
    }

    /// Checks that the sizes make sense together.
    ///
    /// # Errors
    /// [`ModelError::Config`] naming the field.
    pub fn check(&self) -> Result<(), ModelError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("n_positions", self.n_positions),
            ("n_embd", self.n_embd),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
            ("n_inner", self.d_ff()),
        ];
        check_sizes(&sizes, self.n_embd, self.n_head)?;
        let rotary_dim = self.rotary_dim();
        if rotary_dim > 0 && rotary_dim.is_multiple_of(2) && rotary_dim <= self.head_dim() {
            Ok(())
        } else {
            Err(config_error(format!(
                "\"rotary_dim\" {rotary_dim} must be even and at most the head's width of {}",
                self.head_dim()
            )))
        }
    }
}
