use rome_core::ModelShape;
use serde::Deserialize;

use crate::ModelError;
use crate::activation::Activation;
use crate::sizes::check_sizes;
use crate::token_ids::TokenIds;

/// The configuration of GPT-2, under the names of its `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Gpt2Config {
    /// The number of embeddings.
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
    /// The MLP's activation.
    #[serde(default = "gelu_new")]
    pub activation_function: Activation,
    /// The epsilon of the layer norms.
    #[serde(default = "epsilon")]
    pub layer_norm_epsilon: f64,
    /// True if the head is the token embedding.
    #[serde(default = "yes")]
    pub tie_word_embeddings: bool,
    /// True if attention scores are divided by the root of the head's width.
    #[serde(default = "yes")]
    pub scale_attn_weights: bool,
    /// True if they are divided by the layer's number, too.
    #[serde(default)]
    pub scale_attn_by_inverse_layer_idx: bool,
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

fn yes() -> bool {
    true
}

impl Gpt2Config {
    /// The canonical name of a layer's down projection.
    pub(crate) fn weight_name(layer: usize) -> String {
        format!("transformer.h.{layer}.mlp.c_proj.weight")
    }

    /// The MLP's width.
    pub fn d_ff(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    /// The factor of the queries in block `layer`.
    pub fn attention_scale(&self, layer: usize) -> f64 {
        let head_dim = (self.n_embd / self.n_head) as f64;
        let by_width = if self.scale_attn_weights { head_dim.sqrt().recip() } else { 1.0 };
        let by_layer = if self.scale_attn_by_inverse_layer_idx { 1.0 / (layer + 1) as f64 } else { 1.0 };
        by_width * by_layer
    }

    /// The sizes of the model.
    pub fn shape(&self) -> ModelShape {
        ModelShape {
            family: "gpt2".to_owned(),
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
        const BUFFERS: [&str; 2] = [".attn.bias", ".attn.masked_bias"];
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
        check_sizes(&sizes, self.n_embd, self.n_head)
    }
}
