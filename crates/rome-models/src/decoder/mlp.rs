//! The MLP.

use burn::prelude::*;
use rome_core::{ModelShape, Recorded};

use super::layer_plan::LayerPlan;
use super::linear_map::{LinearMap, Outputs};
use super::parts::{Gate, MlpParts};
use super::tensor_source::TensorSource;
use crate::ModelError;
use crate::activation::Activation;

/// The MLP of one block. `down` is the linear map that ROME edits.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The input of the activation, `[d_model, d_ff]`, where it gates [`up`](Self::up).
    pub gate: Option<LinearMap>,
    /// `[d_model, d_ff]`
    pub up: LinearMap,
    /// `[d_ff, d_model]`
    pub down: LinearMap,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub(super) fn load(tensors: &mut impl TensorSource, plan: &LayerPlan<'_>) -> Result<Self, ModelError> {
        let &LayerPlan { parts, names, .. } = plan;
        let ModelShape { d_model, d_ff, .. } = parts.shape;
        let MlpParts { activation, gate, has_bias } = parts.mlp;
        let mut load = |name: &str, sizes: [usize; 2]| {
            LinearMap::load(tensors, &plan.path(name), sizes, has_bias, names.layout)
        };
        let (gate, up) = match gate {
            Gate::None => (None, load(names.up, [d_model, d_ff])?),
            Gate::Apart => (Some(load(names.gate, [d_model, d_ff])?), load(names.up, [d_model, d_ff])?),
            Gate::Fused => {
                let fused = load(names.fused_mlp, [d_model, 2 * d_ff])?;
                let [gate, up] = [0..d_ff, d_ff..2 * d_ff].map(|range| fused.part(Outputs::range(range)));
                (Some(gate), up)
            }
        };
        let down = load(names.down, [d_ff, d_model])?;
        Ok(Self { gate, up, down, activation })
    }

    /// Returns what enters the down projection.
    ///
    /// # Shapes
    /// - input: `[n_tokens, d_model]`
    /// - output: `[n_tokens, d_ff]`
    pub fn key<'m>(&'m self, input: Recorded<'m>) -> Recorded<'m> {
        let Some(gate) = &self.gate else { return self.activation.forward(self.up.apply(input)) };
        if !input.is_recording() {
            let x = input.into_value();
            let [gate, up] = [gate, &self.up].map(|map| map.apply(x.clone().into()).into_value());
            return self.activation.gated(gate, up).into();
        }
        input.then(|x| {
            let (gate, gate_back) = gate.apply(Recorded::start(x.clone())).split();
            let (up, up_back) = self.up.apply(Recorded::start(x)).split();
            let (key, slopes) = self.activation.gated_with_slopes(gate, up);
            let pull = move |grad: Tensor<2>| {
                let (of_gate, of_up) = slopes.pull(grad);
                gate_back.backward(of_gate) + up_back.backward(of_up)
            };
            (key, pull)
        })
    }
}
