//! The parts of a decoder, as plain data.

use rome_core::ModelShape;

use crate::activation::Activation;

/// The description of a decoder by its parts: what a family is.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The sizes.
    pub shape: ModelShape,
    /// The embedding of tokens.
    pub embedding: EmbeddingParts,
    /// The norms of the residual stream: those of blocks and the final one.
    pub norm: NormParts,
    /// The order of a block's parts.
    pub arrangement: Arrangement,
    /// The factor of what attention and the MLP add to the residual stream.
    pub residual_scale: f64,
    /// Attention, in as far as it is the same in all layers.
    pub attention: AttentionParts,
    /// The parts that may differ by layer.
    pub layers: Vec<LayerParts>,
    /// The rotations that layers name.
    pub rotaries: Vec<RotaryParts>,
    /// The MLP.
    pub mlp: MlpParts,
    /// The language-model head.
    pub head: HeadParts,
}

/// The order of a block's parts: `A` is attention, `D k` the down projection of the key, `N` a norm before, `P`
/// a norm after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// `x = h + A(N₁ h)`, `x + D k(N₂ x)`
    Sequential,
    /// `x = h + P₁ A(N₁ h)`, `x + P₂ D k(N₂ x)`
    Sandwich,
    /// `x = h + P₁ A(h)`, `x + P₂ D k(x)`
    NormAfter,
    /// `n = N₁ h`, `h + A(n) + D k(n)`
    ParallelSharedNorm,
    /// `h + A(N₁ h) + D k(N₂ h)`
    ParallelOwnNorm,
}

impl Arrangement {
    /// True if attention reads a norm.
    pub fn has_attention_norm(self) -> bool {
        self != Self::NormAfter
    }

    /// True if the MLP has a norm of its own to read.
    pub fn has_mlp_norm(self) -> bool {
        matches!(self, Self::Sequential | Self::Sandwich | Self::ParallelOwnNorm)
    }

    /// True if norms stand between attention or the MLP and the residual stream.
    pub fn has_norms_after(self) -> bool {
        matches!(self, Self::Sandwich | Self::NormAfter)
    }
}

/// The embedding of tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbeddingParts {
    /// The factor of the embeddings, in f32 whatever the weights are held in; Gemma's `√d_model` is so exact, as
    /// in llama.cpp and in transformers in f32.
    pub scale: f64,
    /// Learned positions, added to the embeddings, if there are any.
    pub positions: Option<LearnedPositions>,
}

/// A table of learned positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnedPositions {
    /// The row of position 0: 2 in OPT.
    pub offset: usize,
}

/// A norm over the last axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormParts {
    /// The divisor.
    pub kind: NormKind,
    /// The meaning of its weight.
    pub gain: Gain,
    /// True if it has a bias.
    pub has_bias: bool,
    /// Added to the mean square, or to the variance.
    pub epsilon: f64,
}

/// The divisor of a norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// The root of the mean square.
    Rms,
    /// The standard deviation, once the mean is taken away.
    Layer,
}

/// The meaning of a norm's weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// The factor.
    Plain,
    /// The factor less 1, as in Gemma.
    OnePlus,
    /// Absent: the factor is 1.
    One,
}

/// Attention, in as far as it is the same in all layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionParts {
    /// The layout of the projections' weights.
    pub layout: ProjectionLayout,
    /// True if queries, keys and values have biases.
    pub has_bias: bool,
    /// True if the output projection has a bias.
    pub has_output_bias: bool,
    /// The bound of the scores.
    pub softcap: Option<f64>,
    /// The norm of queries and keys.
    pub head_norm: Option<HeadNorm>,
}

/// The layout of the weights that make queries, keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionLayout {
    /// Three weights.
    Apart,
    /// One weight: all queries, then all keys, then all values.
    InOrder,
    /// One weight: for each head of keys, the queries that share it, the key, the value.
    ByGroup,
}

/// The norm of queries and keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadNorm {
    /// The norm.
    pub norm: NormParts,
    /// The features that it runs over, and the form of its weight.
    pub over: HeadNormOver,
    /// True if it comes after the rotation.
    pub is_after_rotation: bool,
}

/// The features that a norm of queries and keys runs over, and the form of its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadNormOver {
    /// Each head, by one weight for all, `[head_dim]`.
    Head,
    /// Each head, by a weight of its own, in one tensor, `[n_heads, head_dim]`.
    EachHead,
    /// Each head, by a weight of its own, in a tensor each: `norms.{head}.weight`, `[head_dim]`.
    EachHeadApart,
    /// All heads together, `[n_heads * head_dim]`.
    Width,
}

/// The parts of attention that may differ by layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerParts {
    /// The number of positions that attention sees, if not all.
    pub window: Option<usize>,
    /// The index of the rotation, if there is one.
    pub rotary: Option<usize>,
    /// The factor of the scores.
    pub attention_scale: f64,
}

/// A rotation of queries and keys.
#[derive(Debug, Clone, PartialEq)]
pub struct RotaryParts {
    /// The features of each head that are turned together.
    pub pairing: Pairing,
    /// The angle of each pair at position 1, of the first `2 n` features of a head; the rest are left.
    pub frequencies: Vec<f32>,
    /// The factor of sines and cosines.
    pub factor: f64,
}

/// The features of each head that are turned together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// `j` and `j + n/2` of the first `n`.
    Halves,
    /// `2 j` and `2 j + 1`.
    Adjacent,
}

/// The MLP.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MlpParts {
    /// The activation.
    pub activation: Activation,
    /// The origin of the activation's factor.
    pub gate: Gate,
    /// True if the projections have biases.
    pub has_bias: bool,
}

/// The origin of the activation's factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// There is none: `k = φ(up x)`.
    None,
    /// A weight of its own: `k = φ(gate x) ⊙ up x`.
    Apart,
    /// The same, with both in one weight: all of the gate, then all of up.
    Fused,
}

/// The language-model head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadParts {
    /// The origin of the weight.
    pub tie: Tie,
    /// True if it has a bias.
    pub has_bias: bool,
    /// The factor of the logits.
    pub scale: f64,
    /// The bound of the logits.
    pub softcap: Option<f64>,
}

/// The origin of the head's weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// It is the token embedding.
    Tied,
    /// It is a weight of its own.
    Untied,
    /// It is the token embedding, unless a head is stored.
    UnlessStored,
}
