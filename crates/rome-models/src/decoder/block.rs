//! One block of a decoder.

use burn::prelude::*;
use rome_core::{AttentionRule, EditableLinear, MlpInput, Projection, Recorded};

use super::attention::Attention;
use super::layer_plan::LayerPlan;
use super::mlp::Mlp;
use super::norm::Norm;
use super::parts::Arrangement;
use super::tensor_source::TensorSource;
use crate::ModelError;

/// One block of a decoder, its parts in one of the [arrangements](Arrangement).
#[derive(Module, Debug)]
pub struct Block {
    /// The norm before attention.
    pub attention_norm: Option<Norm>,
    /// Attention.
    pub attention: Attention,
    /// The norm after attention.
    pub after_attention: Option<Norm>,
    /// The norm before the MLP.
    pub mlp_norm: Option<Norm>,
    /// The MLP.
    pub mlp: Mlp,
    /// The norm after the MLP.
    pub after_mlp: Option<Norm>,
    residual_scale: f64,
    #[module(skip)]
    arrangement: Arrangement,
}

impl Block {
    pub(super) fn load(tensors: &mut impl TensorSource, plan: &LayerPlan<'_>) -> Result<Self, ModelError> {
        let &LayerPlan { parts, names, .. } = plan;
        let arrangement = parts.arrangement;
        let mut norm = |name: &str, is_there: bool| {
            let path = plan.path(name);
            is_there.then(|| Norm::load(tensors, &path, parts.shape.d_model, parts.norm)).transpose()
        };
        Ok(Self {
            attention_norm: norm(names.attention_norm, arrangement.has_attention_norm())?,
            after_attention: norm(names.after_attention, arrangement.has_norms_after())?,
            mlp_norm: norm(names.mlp_norm, arrangement.has_mlp_norm())?,
            after_mlp: norm(names.after_mlp, arrangement.has_norms_after())?,
            attention: Attention::load(tensors, plan)?,
            mlp: Mlp::load(tensors, plan)?,
            residual_scale: parts.residual_scale,
            arrangement,
        })
    }

    /// Returns what comes into the residual stream, of an output of attention or of the MLP.
    fn added<'m>(&self, output: Recorded<'m>, norm: Option<&Norm>) -> Recorded<'m> {
        let output = match norm {
            Some(norm) => norm.forward(output),
            None => output,
        };
        output.scaled(self.residual_scale)
    }
}

impl rome_core::Block for Block {
    fn norm<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m> {
        match &self.attention_norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        }
    }

    fn project<'m>(
        &'m self,
        projection: Projection,
        normed: Recorded<'m>,
        positions: &Tensor<1, Int>,
    ) -> Recorded<'m> {
        self.attention.project(projection, normed, positions)
    }

    fn attention_rule(&self) -> AttentionRule {
        self.attention.rule()
    }

    fn attention_output<'m>(&'m self, attended: Recorded<'m>) -> Recorded<'m> {
        self.added(self.attention.output.apply(attended), self.after_attention.as_ref())
    }

    fn mlp_input(&self) -> MlpInput {
        match self.arrangement {
            Arrangement::Sequential | Arrangement::Sandwich | Arrangement::NormAfter => MlpInput::Sum,
            Arrangement::ParallelSharedNorm => MlpInput::Normed,
            Arrangement::ParallelOwnNorm => MlpInput::Hidden,
        }
    }

    fn key<'m>(&'m self, input: Recorded<'m>) -> Recorded<'m> {
        let input = match &self.mlp_norm {
            Some(norm) => norm.forward(input),
            None => input,
        };
        self.mlp.key(input)
    }

    fn n_mlp_products(&self) -> usize {
        2 + usize::from(self.mlp.gate.is_some())
    }

    fn down_projection(&self) -> &dyn EditableLinear {
        &self.mlp.down.linear
    }

    fn contribution<'m>(&'m self, value: Recorded<'m>) -> Recorded<'m> {
        self.added(value, self.after_mlp.as_ref())
    }

    fn adds_value(&self) -> bool {
        self.after_mlp.is_none() && self.residual_scale == 1.0
    }
}
