//! The projections of attention.

use burn::prelude::*;
use rome_core::{AttentionRule, ModelShape, Projection, Recorded};

use super::layer_plan::LayerPlan;
use super::linear_map::{LinearMap, Outputs};
use super::norm::Norm;
use super::parts::{AttentionParts, Gain, HeadNorm, HeadNormOver, Parts, ProjectionLayout};
use super::rotary::Rotary;
use super::tensor_source::TensorSource;
use crate::ModelError;

/// The projections of attention in one block.
#[derive(Module, Debug)]
pub struct Attention {
    /// Queries, `[d_model, n_heads * head_dim]`.
    pub query: LinearMap,
    /// Keys, `[d_model, n_kv_heads * head_dim]`.
    pub key: LinearMap,
    /// Values, as the keys.
    pub value: LinearMap,
    /// The output, `[n_heads * head_dim, d_model]`.
    pub output: LinearMap,
    /// The norm of queries.
    pub query_norm: Option<Norm>,
    /// The norm of keys.
    pub key_norm: Option<Norm>,
    rotary: Option<Rotary>,
    is_norm_after_rotation: bool,
    #[module(skip)]
    rule: AttentionRule,
}

impl Attention {
    pub(super) fn load(tensors: &mut impl TensorSource, plan: &LayerPlan<'_>) -> Result<Self, ModelError> {
        let &LayerPlan { layer, parts, names, rotaries } = plan;
        let Parts { shape, attention, layers, .. } = parts;
        let [query, key, value] = projections(tensors, plan)?;
        let output = LinearMap::load(
            tensors,
            &plan.path(names.attention_output),
            [shape.n_heads * shape.head_dim, shape.d_model],
            attention.has_output_bias,
            names.layout,
        )?;
        let mut norm = |name: &str, n_heads: usize| {
            let path = plan.path(name);
            let norm = attention.head_norm;
            norm.map(|norm| load_head_norm(tensors, &path, norm, n_heads, shape.head_dim)).transpose()
        };
        let this = layers[layer];
        Ok(Self {
            query,
            key,
            value,
            output,
            query_norm: norm(names.query_norm, shape.n_heads)?,
            key_norm: norm(names.key_norm, shape.n_kv_heads)?,
            rotary: this.rotary.map(|index| rotaries[index].clone()),
            is_norm_after_rotation: attention.head_norm.is_some_and(|norm| norm.is_after_rotation),
            rule: AttentionRule {
                scale: this.attention_scale,
                softcap: attention.softcap,
                window: this.window,
            },
        })
    }

    pub(super) fn rule(&self) -> AttentionRule {
        self.rule
    }

    /// # Shapes
    /// - input: `[n_tokens, d_model]`
    /// - positions: `[n_tokens]`
    /// - output: `[n_tokens, n_heads * head_dim]`, of keys and values `[n_tokens, n_kv_heads * head_dim]`
    pub(super) fn project<'m>(
        &self,
        projection: Projection,
        input: Recorded<'m>,
        positions: &Tensor<1, Int>,
    ) -> Recorded<'m> {
        let (projected, norm) = match projection {
            Projection::Query => (self.query.apply(input), &self.query_norm),
            Projection::Key => (self.key.apply(input), &self.key_norm),
            Projection::Value => return self.value.apply(input),
        };
        let normed = |state: Recorded<'m>| match norm {
            Some(norm) => norm.forward(state),
            None => state,
        };
        let rotated = |state: Recorded<'m>| match &self.rotary {
            Some(rotary) => rotary.rotate(state, positions),
            None => state,
        };
        if self.is_norm_after_rotation { normed(rotated(projected)) } else { rotated(normed(projected)) }
    }
}

/// Loads the maps to queries, keys and values.
fn projections(tensors: &mut impl TensorSource, plan: &LayerPlan<'_>) -> Result<[LinearMap; 3], ModelError> {
    let &LayerPlan { parts, names, .. } = plan;
    let ModelShape { d_model, n_heads, n_kv_heads, head_dim, .. } = parts.shape;
    let AttentionParts { layout, has_bias, .. } = parts.attention;
    let mut load = |name: &str, n_heads: usize| {
        let path = plan.path(name);
        LinearMap::load(tensors, &path, [d_model, n_heads * head_dim], has_bias, names.layout)
    };
    let parts = match layout {
        ProjectionLayout::Apart => {
            return Ok([
                load(names.query, n_heads)?,
                load(names.key, n_kv_heads)?,
                load(names.value, n_kv_heads)?,
            ]);
        }
        ProjectionLayout::InOrder => {
            let ends = [n_heads, n_heads + n_kv_heads, n_heads + 2 * n_kv_heads].map(|end| end * head_dim);
            [0..ends[0], ends[0]..ends[1], ends[1]..ends[2]].map(Outputs::range)
        }
        ProjectionLayout::ByGroup => {
            let n_sharing = n_heads / n_kv_heads;
            let of_group = |first: usize, n: usize| Outputs {
                start: first * head_dim,
                len: n * head_dim,
                step: (n_sharing + 2) * head_dim,
                n: n_kv_heads,
            };
            [of_group(0, n_sharing), of_group(n_sharing, 1), of_group(n_sharing + 1, 1)]
        }
    };
    let fused = load(names.fused_attention, n_heads + 2 * n_kv_heads)?;
    Ok(parts.map(|outputs| fused.part(outputs)))
}

/// Loads the norm of queries or keys as one over all heads.
fn load_head_norm(
    tensors: &mut impl TensorSource,
    path: &str,
    HeadNorm { norm, over, .. }: HeadNorm,
    n_heads: usize,
    head_dim: usize,
) -> Result<Norm, ModelError> {
    let width = n_heads * head_dim;
    if over == HeadNormOver::Width {
        return Norm::load(tensors, path, width, norm);
    }
    let mut vector = |kind: &str| -> Result<Tensor<1>, ModelError> {
        match over {
            HeadNormOver::EachHead => {
                let weights: Tensor<2> = tensors.take(&format!("{path}.{kind}"), [n_heads, head_dim])?;
                Ok(rome_core::widen(weights).reshape([width]))
            }
            HeadNormOver::EachHeadApart => {
                let weights = (0..n_heads)
                    .map(|head| tensors.take(&format!("{path}.norms.{head}.{kind}"), [head_dim]))
                    .collect::<Result<_, _>>()?;
                Ok(Tensor::cat(weights, 0))
            }
            _ => Ok(tensors.take::<1>(&format!("{path}.{kind}"), [head_dim])?.repeat_dim(0, n_heads)),
        }
    };
    let weight = if norm.gain == Gain::One { None } else { Some(vector("weight")?) };
    let bias = if norm.has_bias { Some(vector("bias")?) } else { None };
    let device = tensors.device();
    let weight = weight.unwrap_or_else(|| Tensor::ones([width], device));
    let bias = bias.unwrap_or_else(|| Tensor::zeros([width], device));
    Ok(Norm::new(weight, bias, head_dim, norm))
}
