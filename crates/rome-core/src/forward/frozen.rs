//! Results of a block for inputs that do not change.

use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;

use super::batch::Batch;
use crate::model::{CausalLm, MlpInput, Projection};

/// Results of a block for an input of which only some positions change: in the first block above an edited
/// layer, all but the lookup positions are the same in every step.
pub struct FrozenInputs {
    /// The packed indices of the positions that change.
    pub(super) changing: Tensor<1, Int>,
    /// Their places in their sequences.
    pub(super) positions: Tensor<1, Int>,
    /// Queries, keys and values, zero where they change.
    pub(super) projections: [Tensor<2>; 3],
    /// The output of the MLP, zero where it changes, if that depends on each position alone.
    pub(super) mlp: Option<Tensor<2>>,
}

impl FrozenInputs {
    /// Runs block `layer` on its input, `[n_tokens, d_model]`, but for attention.
    pub fn new(
        model: &dyn CausalLm,
        hidden: Tensor<2>,
        layer: usize,
        batch: &Batch,
        changing: Tensor<1, Int>,
    ) -> Self {
        let block = model.block(layer);
        let without_changing = |all: Tensor<2>| {
            let rows = all.clone().select(0, changing.clone());
            all.select_assign(0, changing.clone(), rows.neg(), IndexingUpdateOp::Add)
        };
        let normed = block.norm(hidden.clone().into()).into_value();
        let positions = batch.positions();
        let projections = [Projection::Query, Projection::Key, Projection::Value].map(|projection| {
            let projected = block.project(projection, normed.clone().into(), &positions);
            without_changing(projected.into_value())
        });
        let beside = match block.mlp_input() {
            MlpInput::Sum => None,
            MlpInput::Normed => Some(normed),
            MlpInput::Hidden => Some(hidden),
        };
        let mlp = beside.map(|input| {
            let key = block.key(input.into()).into_value();
            without_changing(block.down_projection().forward(key))
        });
        Self { positions: positions.select(0, changing.clone()), changing, projections, mlp }
    }
}

/// Adds to some rows of what has not changed.
pub(crate) fn complete(frozen: &Tensor<2>, changing: &Tensor<1, Int>, changed: Tensor<2>) -> Tensor<2> {
    frozen.clone().select_assign(0, changing.clone(), changed, IndexingUpdateOp::Add)
}
