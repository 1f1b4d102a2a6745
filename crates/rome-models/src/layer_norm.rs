//! Layer normalisation and its derivative.

use burn::module::Param;
use burn::prelude::*;
use burn::tensor::module::layer_norm;
use rome_core::Chain;

use crate::layers::frozen;
use crate::{Checkpoint, ModelError};

/// `(x − mean) / √(variance + epsilon) · weight + bias` over the last axis.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[d_model]`
    pub weight: Param<Tensor<1>>,
    /// `[d_model]`
    pub bias: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// Loads `<path>.weight` and `<path>.bias`, `[d_model]` each.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn load(
        checkpoint: &mut Checkpoint,
        path: &str,
        d_model: usize,
        epsilon: f64,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            weight: frozen(checkpoint.take(&format!("{path}.weight"), [d_model])?),
            bias: frozen(checkpoint.take(&format!("{path}.bias"), [d_model])?),
            epsilon,
        })
    }

    /// # Shapes
    /// - input, output: `[n_tokens, d_model]`
    pub fn forward<'m>(&self, input: Chain<'m>) -> Chain<'m> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if !input.is_recorded() {
            return layer_norm(input.into_value(), weight, Some(bias), self.epsilon).into();
        }
        let centred = input.value().clone() - input.value().clone().mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        let inverse = (variance + self.epsilon).sqrt().recip();
        let unit = centred * inverse.clone();
        let output = unit.clone() * weight.clone().unsqueeze() + bias.unsqueeze();
        input.then(output, move |grad| {
            let grad = grad * weight.unsqueeze();
            let along = (grad.clone() * unit.clone()).mean_dim(1);
            let mean = grad.clone().mean_dim(1);
            (grad - mean - unit * along) * inverse
        })
    }
}
