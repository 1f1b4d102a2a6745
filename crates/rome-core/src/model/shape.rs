//! The sizes of a model.

/// The sizes of a decoder, under the names of the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelShape {
    /// The architecture's name as in `config.json` (`model_type`), such as `gpt2` or `gptj`.
    pub family: String,
    /// The number of blocks.
    pub n_layers: usize,
    /// The width of the residual stream.
    pub d_model: usize,
    /// The width inside the MLP: the length of a key.
    pub d_ff: usize,
    /// The number of attention heads.
    pub n_heads: usize,
    /// The number of heads of keys and values, which neighbouring attention heads share.
    pub n_kv_heads: usize,
    /// The width of a head, which need not be `d_model / n_heads`.
    pub head_dim: usize,
    /// The number of rows of the embedding, which may exceed the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// The longest sequence the model takes, in tokens.
    pub n_positions: usize,
}
