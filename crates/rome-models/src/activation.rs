//! The MLP's activation.

use burn::prelude::*;
use burn::tensor::activation::{gelu, gelu_approximate, relu};
use serde::Deserialize;

/// The activation functions that checkpoints of these families name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// GELU in its tanh form, the one both families were trained with.
    #[serde(alias = "gelu_pytorch_tanh")]
    GeluNew,
    /// GELU by the error function.
    Gelu,
    /// The positive part.
    Relu,
}

impl Activation {
    /// Applies the function to each element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Activation::GeluNew => gelu_approximate(input),
            Activation::Gelu => gelu(input),
            Activation::Relu => relu(input),
        }
    }
}
