//! One decoder for all families, made of the [`Parts`] that describe them.

mod attention;
mod block;
mod head;
mod layer_plan;
mod linear_map;
mod mlp;
mod names;
mod norm;
pub mod parts;
mod rotary;
mod tensor_source;

use burn::module::Param;
use burn::prelude::*;
use rome_core::{CausalLm, EditableLinear, ModelShape, Recorded, widen};

pub use attention::Attention;
pub use block::Block;
pub use head::Head;
use layer_plan::LayerPlan;
pub use linear_map::LinearMap;
use linear_map::frozen;
pub use mlp::Mlp;
pub use names::Names;
pub use norm::Norm;
use parts::LearnedPositions;
pub use parts::Parts;
pub use rotary::Rotary;
pub use tensor_source::TensorSource;

use crate::ModelError;

/// A decoder with its language-model head.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Token embeddings, `[vocab_size, d_model]`.
    pub embeddings: Param<Tensor<2>>,
    /// Learned positions, `[n_positions, d_model]`, those of an offset cut off.
    pub positions: Option<Param<Tensor<2>>>,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The final norm.
    pub final_norm: Norm,
    /// The head.
    pub head: Head,
    embedding_scale: f64,
    #[module(skip)]
    shape: ModelShape,
    #[module(skip)]
    names: Names,
}

impl Decoder {
    /// Takes the model out of a tensors.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn load(tensors: &mut impl TensorSource, parts: &Parts, names: &Names) -> Result<Self, ModelError> {
        let shape = &parts.shape;
        let rotaries: Vec<Rotary> = parts
            .rotaries
            .iter()
            .map(|rotary| Rotary::new(rotary, shape.n_positions, shape.head_dim, tensors.device()))
            .collect();
        let head = Head::load(tensors, parts, names)?;
        let embeddings =
            tensors.take(&format!("{}.weight", names.embeddings), [shape.vocab_size, shape.d_model])?;
        let positions =
            parts.embedding.positions.map(|LearnedPositions { offset }| -> Result<_, ModelError> {
                let sizes = [shape.n_positions + offset, shape.d_model];
                let table: Tensor<2> = tensors.take(&format!("{}.weight", names.positions), sizes)?;
                Ok(if offset == 0 { table } else { table.narrow(0, offset, shape.n_positions) })
            });
        Ok(Self {
            embeddings: frozen(embeddings),
            positions: positions.transpose()?.map(frozen),
            blocks: (0..shape.n_layers)
                .map(|layer| Block::load(tensors, &LayerPlan { layer, parts, names, rotaries: &rotaries }))
                .collect::<Result<_, _>>()?,
            final_norm: Norm::load(tensors, names.final_norm, shape.d_model, parts.norm)?,
            head,
            embedding_scale: parts.embedding.scale,
            shape: shape.clone(),
            names: *names,
        })
    }
}

impl CausalLm for Decoder {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn device(&self) -> Device {
        self.embeddings.device()
    }

    fn embed(&self, tokens: Tensor<1, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let embedded = self.embed_tokens(tokens);
        match &self.positions {
            Some(table) => embedded + widen(table.val().select(0, positions)),
            None => embedded,
        }
    }

    fn embed_tokens(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        let embedded = widen(self.embeddings.val().select(0, tokens));
        if self.embedding_scale == 1.0 { embedded } else { embedded * self.embedding_scale }
    }

    fn block(&self, layer: usize) -> &dyn rome_core::Block {
        &self.blocks[layer]
    }

    fn down_projection_mut(&mut self, layer: usize) -> &mut dyn EditableLinear {
        &mut self.blocks[layer].mlp.down.linear
    }

    fn weight_name(&self, layer: usize) -> String {
        self.names.edited_weight(layer)
    }

    fn head<'m>(&'m self, hidden: Recorded<'m>) -> Recorded<'m> {
        self.head.forward(self.final_norm.forward(hidden), &self.embeddings)
    }
}
