//! The fields that families share.

use rome_core::ModelShape;

use super::fields::{Fields, config_error};
use super::rope::{Rope, RopeDefaults, RopeSizes, rope};
use super::windows::{WindowRule, windows};
use crate::ModelError;
use crate::activation::Activation;
use crate::decoder::parts::{
    Arrangement, AttentionParts, EmbeddingParts, Gain, Gate, HeadNorm, HeadNormOver, HeadParts, LayerParts,
    MlpParts, NormKind, NormParts, Parts, ProjectionLayout, Tie,
};

/// Tables of rotations are made before any tensor is looked for; the widest heads have 512 features.
const MOST_HEAD_DIM: usize = 1 << 11;

/// Tables by layer are made before any tensor is looked for; the largest models have some hundred.
const MOST_LAYERS: usize = 1 << 14;

/// The meaning of absent fields in a family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) d_model: Option<usize>,
    pub(super) n_layers: Option<usize>,
    pub(super) n_heads: Option<usize>,
    /// The MLP's width.
    pub(super) d_ff: Option<Width>,
    pub(super) kv_heads: KvHeads,
    pub(super) head_dim: HeadDim,
    pub(super) n_positions: usize,
    pub(super) epsilon: f64,
    pub(super) activation: Activation,
    pub(super) is_tied: bool,
    pub(super) vocab_size: Option<usize>,
    pub(super) window: Option<usize>,
}

/// The MLP's width, where no field says it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    FourTimes,
    Fixed(usize),
}

/// The number of heads of keys and values.
#[derive(Debug, Clone, Copy)]
pub(super) enum KvHeads {
    /// The value of a field; absent, this many, and null, as many as there are heads.
    Field(Option<usize>),
    /// The number of heads, whatever a field says.
    All,
    /// One, whatever a field says.
    One,
}

/// The width of a head.
#[derive(Debug, Clone, Copy)]
pub(super) enum HeadDim {
    /// The value of a field; absent, this width, or the heads' share of the model's.
    Field(Option<usize>),
    /// The heads' share of the model's width, whatever a field says.
    Share,
}

impl Defaults {
    /// Of Llama, which most others are like.
    pub(super) const LLAMA: Self = Self {
        d_model: None,
        n_layers: None,
        n_heads: None,
        d_ff: None,
        kv_heads: KvHeads::Field(None),
        head_dim: HeadDim::Field(None),
        n_positions: 2048,
        epsilon: 1e-6,
        activation: Activation::Silu,
        is_tied: false,
        vocab_size: None,
        window: None,
    };

    /// Of GPT-2, which the older ones are like.
    pub(super) const GPT2: Self = Self {
        d_ff: Some(Width::FourTimes),
        kv_heads: KvHeads::All,
        head_dim: HeadDim::Share,
        epsilon: 1e-5,
        activation: Activation::GeluNew,
        ..Self::LLAMA
    };
}

/// Reads a decoder like Llama: root mean squares, attention apart, a gated MLP, no biases. `rule` says which layers
/// have a window, where `layer_types` does not.
pub(super) fn llama(
    fields: Fields<'_>,
    defaults: Defaults,
    rope_defaults: RopeDefaults,
    rule: WindowRule,
) -> Result<Parts, ModelError> {
    let mut parts = without_positions(fields, defaults)?;
    set_windows(&mut parts, fields, defaults, rule)?;
    let sizes = rope_sizes(&parts);
    let rope = rope(fields, rope_defaults, sizes)?;
    set_rope(&mut parts, rope);
    Ok(parts)
}

/// Reads a decoder like Llama, without rotations and windows.
pub(super) fn without_positions(fields: Fields<'_>, defaults: Defaults) -> Result<Parts, ModelError> {
    let d_model = fields.size(&["hidden_size", "n_embd"], defaults.d_model)?;
    let layer_names = ["num_hidden_layers", "n_layer", "num_layers"];
    let n_layers = fields.size_up_to(MOST_LAYERS, &layer_names, defaults.n_layers)?;
    let n_heads = fields.size(&["num_attention_heads", "n_head", "num_heads"], defaults.n_heads)?;
    let kv_names = ["num_key_value_heads", "num_kv_heads"];
    let n_kv_heads = match defaults.kv_heads {
        KvHeads::All => n_heads,
        KvHeads::One => 1,
        KvHeads::Field(default) => {
            fields.nullable(&kv_names, Some(default.unwrap_or(n_heads)))?.unwrap_or(n_heads)
        }
    };
    if n_kv_heads == 0 || !n_heads.is_multiple_of(n_kv_heads) {
        return Err(config_error(format!(
            "\"num_key_value_heads\" is {n_kv_heads}: {n_heads} heads cannot share so many"
        )));
    }
    let share = || {
        let uneven = || config_error(format!("{n_heads} heads cannot share a width of {d_model}"));
        d_model.is_multiple_of(n_heads).then_some(d_model / n_heads).ok_or_else(uneven)
    };
    let head_dim = match defaults.head_dim {
        HeadDim::Share => share()?,
        HeadDim::Field(default) => match fields.nullable(&["head_dim"], default)? {
            Some(head_dim) => head_dim,
            None => share()?,
        },
    };
    if head_dim == 0 || head_dim > MOST_HEAD_DIM {
        return Err(config_error(format!("\"head_dim\" cannot be {head_dim}")));
    }
    let d_ff = match defaults.d_ff {
        Some(Width::FourTimes) => Some(d_model.saturating_mul(4)),
        Some(Width::Fixed(width)) => Some(width),
        None => None,
    };
    let d_ff = fields.size(&["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"], d_ff)?;
    let epsilon_names = ["rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"];
    let is_tied = fields.is("tie_word_embeddings", defaults.is_tied)?;
    Ok(Parts {
        shape: ModelShape {
            family: fields.or(&["model_type"], String::new())?,
            n_layers,
            d_model,
            d_ff,
            n_heads,
            n_kv_heads,
            head_dim,
            vocab_size: fields.size(&["vocab_size"], defaults.vocab_size)?,
            n_positions: fields
                .size(&["max_position_embeddings", "n_positions"], Some(defaults.n_positions))?,
        },
        embedding: EmbeddingParts { scale: 1.0, positions: None },
        norm: NormParts {
            kind: NormKind::Rms,
            gain: Gain::Plain,
            has_bias: false,
            epsilon: fields.or(&epsilon_names, defaults.epsilon)?,
        },
        arrangement: Arrangement::Sequential,
        residual_scale: 1.0,
        attention: AttentionParts {
            layout: ProjectionLayout::Apart,
            has_bias: false,
            has_output_bias: false,
            softcap: None,
            head_norm: None,
        },
        layers: vec![
            LayerParts {
                window: None,
                rotary: None,
                attention_scale: (head_dim as f64).sqrt().recip()
            };
            n_layers
        ],
        rotaries: Vec::new(),
        mlp: MlpParts {
            activation: activation(
                fields,
                &["hidden_act", "activation_function", "activation"],
                defaults.activation,
            )?,
            gate: Gate::Apart,
            has_bias: false,
        },
        head: HeadParts {
            tie: if is_tied { Tie::Tied } else { Tie::Untied },
            has_bias: false,
            scale: 1.0,
            softcap: None,
        },
    })
}

/// Reads a decoder like GPT-2, without positions: layer norms, a plain MLP, biases everywhere.
pub(super) fn gpt2(fields: Fields<'_>, defaults: Defaults) -> Result<Parts, ModelError> {
    let mut parts = without_positions(fields, defaults)?;
    parts.norm = NormParts { kind: NormKind::Layer, has_bias: true, ..parts.norm };
    parts.mlp = MlpParts { gate: Gate::None, has_bias: true, ..parts.mlp };
    set_attention_biases(&mut parts, true);
    Ok(parts)
}

/// Reads the activation by its name.
pub(super) fn activation<'a>(
    fields: Fields<'a>,
    names: &[&'a str],
    default: Activation,
) -> Result<Activation, ModelError> {
    let Some((name, value)) = fields.first(names) else { return Ok(default) };
    let known = value.as_str().and_then(Activation::by_name);
    known.ok_or_else(|| fields.refuse(name, "this activation is not known"))
}

/// Sets whether queries, keys, values and the output of attention have biases.
pub(super) fn set_attention_biases(parts: &mut Parts, have: bool) {
    parts.attention.has_bias = have;
    parts.attention.has_output_bias = have;
}

/// Sets the norm of queries and keys, of the kind of the model's other norms.
pub(super) fn set_head_norm(parts: &mut Parts, over: HeadNormOver) {
    let norm = HeadNorm { norm: parts.norm, over, is_after_rotation: false };
    parts.attention.head_norm = Some(norm);
}

/// Sets one rotation for all layers.
pub(super) fn set_rope(parts: &mut Parts, rope: Rope) {
    parts.shape.n_positions = rope.n_positions;
    parts.rotaries = vec![rope.parts];
    parts.layers.iter_mut().for_each(|layer| layer.rotary = Some(0));
}

/// Sets one rotation for full layers and one for those with a window.
pub(super) fn set_two_ropes(parts: &mut Parts, full: Rope, sliding: Rope) {
    parts.shape.n_positions = full.n_positions.min(sliding.n_positions);
    parts.rotaries = vec![full.parts, sliding.parts];
    parts.layers.iter_mut().for_each(|layer| layer.rotary = Some(usize::from(layer.window.is_some())));
}

/// Sets the windows of layers.
pub(super) fn set_windows(
    parts: &mut Parts,
    fields: Fields<'_>,
    defaults: Defaults,
    rule: WindowRule,
) -> Result<(), ModelError> {
    let windows = windows(fields, parts.shape.n_layers, rule, defaults.window)?;
    parts.layers.iter_mut().zip(windows).for_each(|(layer, window)| layer.window = window);
    Ok(())
}

/// Sets the factor of the scores of all layers.
pub(super) fn set_attention_scale(parts: &mut Parts, scale: f64) {
    parts.layers.iter_mut().for_each(|layer| layer.attention_scale = scale);
}

/// The sizes that a rotation depends on.
pub(super) fn rope_sizes(parts: &Parts) -> RopeSizes {
    RopeSizes { head_dim: parts.shape.head_dim, n_positions: parts.shape.n_positions }
}
