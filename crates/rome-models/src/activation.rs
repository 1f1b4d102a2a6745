//! The MLP's activation.

use burn::prelude::*;
use burn::tensor::activation::{gelu, relu, sigmoid};
use rome_core::Recorded;
use rome_core::forward::host::{HostMatrix, exp, vectorised};
use serde::Deserialize;

/// The activation functions that checkpoints of these families name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// GELU in its tanh form, the one both families were trained with.
    #[serde(alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluNew,
    /// GELU by the error function.
    #[serde(alias = "gelu_python")]
    Gelu,
    /// The positive part.
    Relu,
    /// `x sigmoid(1.702 x)`
    QuickGelu,
    /// `x sigmoid(x)`
    #[serde(alias = "swish")]
    Silu,
}

impl Activation {
    /// Applies the function to each element.
    pub fn forward(self, input: Recorded<'_>) -> Recorded<'_> {
        if !input.is_recording() {
            let x = input.into_value();
            return match self {
                Activation::GeluNew => gelu_new(x),
                Activation::Gelu => gelu(x),
                Activation::Relu => relu(x),
                Activation::QuickGelu => x.clone() * sigmoid(x * QUICK),
                Activation::Silu => x.clone() * sigmoid(x),
            }
            .into();
        }
        input.then(|x| {
            let (output, slope) = match self {
                Activation::GeluNew => gelu_new_with_slope(x),
                Activation::Gelu => (gelu(x.clone()), gelu_slope(x)),
                Activation::Relu => (relu(x.clone()), x.greater_elem(0.0).float()),
                Activation::QuickGelu => gated_with_slope(x, QUICK),
                Activation::Silu => gated_with_slope(x, 1.0),
            };
            (output, |grad| grad * slope)
        })
    }
}

/// The factor of [`Activation::QuickGelu`].
const QUICK: f64 = 1.702;

/// `x sigmoid(a x)` and its slope.
fn gated_with_slope(x: Tensor<2>, a: f64) -> (Tensor<2>, Tensor<2>) {
    let gate = sigmoid(x.clone() * a);
    let output = x * gate.clone();
    let slope = gate.clone() + output.clone() * (gate.neg() + 1.0) * a;
    (output, slope)
}

/// The terms of `2√(2/π) (x + 0.044715 x³)`.
const LINEAR: f64 = 2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
const CUBIC: f64 = LINEAR * 0.044715;

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, written as `x sigmoid(2√(2/π) (x + 0.044715 x³))`.
///
/// The two are equal. This one takes one exponential for each element where burn's
/// `gelu_approximate` takes a power and a hyperbolic tangent, which on the CPU cost more than the
/// matrix product before them.
fn gelu_new(x: Tensor<2>) -> Tensor<2> {
    if !HostMatrix::can_hold(&x) {
        let gate = sigmoid(x.clone() * (x.clone().square() * CUBIC + LINEAR));
        return x * gate;
    }
    let mut x = HostMatrix::new(x);
    vectorised(
        #[inline(always)]
        || x.values_mut().iter_mut().for_each(|x| *x *= gate(*x)),
    );
    x.into_tensor()
}

/// The function and its slope.
fn gelu_new_with_slope(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    if !HostMatrix::can_hold(&x) {
        let square = x.clone().square();
        let gate = sigmoid(x.clone() * (square.clone() * CUBIC + LINEAR));
        let inner = x.clone() * (square * (3.0 * CUBIC) + LINEAR);
        let slope = gate.clone() + gate.clone() * (gate.clone().neg() + 1.0) * inner;
        return (x * gate, slope);
    }
    let [_, width] = x.dims();
    let mut x = HostMatrix::new(x);
    let mut slopes = x.zeros(width);
    vectorised(
        #[inline(always)]
        || {
            for (x, slope) in x.values_mut().iter_mut().zip(slopes.values_mut()) {
                let gate = gate(*x);
                let inner = *x * (*x * *x * (3.0 * CUBIC as f32) + LINEAR as f32);
                *slope = gate + gate * (1.0 - gate) * inner;
                *x *= gate;
            }
        },
    );
    (x.into_tensor(), slopes.into_tensor())
}

/// The factor that GELU multiplies its argument by.
#[inline(always)]
fn gate(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x * (x * x * CUBIC as f32 + LINEAR as f32)))
}

/// `Φ(x) + x φ(x)`
fn gelu_slope(x: Tensor<2>) -> Tensor<2> {
    let cumulative = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    let density = (x.clone().square() * -0.5).exp()
        * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
    cumulative + x * density
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::gelu_approximate;
    use burn::tensor::{TensorData, Tolerance};

    use super::*;

    #[test]
    fn gelu_new_is_the_tanh_form() {
        let values: Vec<f32> = (-120..=120).map(|i| i as f32 / 10.0).collect();
        let x: Tensor<2> = Tensor::from_data(TensorData::new(values, [1, 241]), &Device::flex());
        // Both round an exponential to f32.
        let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-6);
        gelu_new(x.clone()).into_data().assert_approx_eq(&gelu_approximate(x).into_data(), tolerance);
    }
}
