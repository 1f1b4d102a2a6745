//! The MLP's activation.

use burn::prelude::*;
use burn::tensor::activation::{gelu, relu, sigmoid};
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
            Activation::GeluNew => gelu_new(input),
            Activation::Gelu => gelu(input),
            Activation::Relu => relu(input),
        }
    }
}

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, written as `x sigmoid(2√(2/π) (x + 0.044715 x³))`.
///
/// The two are equal. This one takes one exponential for each element where burn's
/// `gelu_approximate` takes a power and a hyperbolic tangent, which on the CPU cost more than the
/// matrix product before them.
fn gelu_new<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    const LINEAR: f64 = 2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    const CUBIC: f64 = LINEAR * 0.044715;
    let slope = x.clone() * x.clone() * CUBIC + LINEAR;
    x.clone() * sigmoid(x * slope)
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::gelu_approximate;
    use burn::tensor::{TensorData, Tolerance};

    use super::*;

    #[test]
    fn gelu_new_is_the_tanh_form() {
        let values: Vec<f32> = (-120..=120).map(|i| i as f32 / 10.0).collect();
        let x: Tensor<1> = Tensor::from_data(TensorData::new(values, [241]), &Device::flex());
        // Both round an exponential to f32.
        let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-6);
        gelu_new(x.clone()).into_data().assert_approx_eq(&gelu_approximate(x).into_data(), tolerance);
    }
}
