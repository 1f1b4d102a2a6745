//! Layer normalisation and its derivative.

use burn::module::Param;
use burn::prelude::*;
use burn::tensor::module::layer_norm;
use rome_core::Recorded;
use rome_core::forward::host::{HostMatrix, sum, vectorised};

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
    pub fn forward<'m>(&self, input: Recorded<'m>) -> Recorded<'m> {
        let (weight, bias, epsilon) = (self.weight.val(), self.bias.val(), self.epsilon);
        if !input.is_recording() && !HostMatrix::can_hold(input.value()) {
            return layer_norm(input.into_value(), weight, Some(bias), epsilon).into();
        }
        input.then(|x| {
            let (output, standard) = Standard::new(x, &weight, bias, epsilon);
            (output, |grad| standard.backward(grad, weight))
        })
    }
}

/// The values that the backward pass of a layer norm needs.
struct Standard {
    /// `(x − mean) / √(variance + epsilon)`, `[n_tokens, d_model]`
    unit: Tensor<2>,
    /// `1 / √(variance + epsilon)`, `[n_tokens, 1]`
    inverse: Tensor<2>,
}

impl Standard {
    /// Returns the norm's output, too.
    fn new(x: Tensor<2>, weight: &Tensor<1>, bias: Tensor<1>, epsilon: f64) -> (Tensor<2>, Self) {
        if HostMatrix::can_hold(&x) {
            return Self::on_host(x, weight, bias, epsilon as f32);
        }
        let centred = x.clone() - x.mean_dim(1);
        let inverse = (centred.clone().square().mean_dim(1) + epsilon).sqrt().recip();
        let unit = centred * inverse.clone();
        (unit.clone() * weight.clone().unsqueeze() + bias.unsqueeze(), Self { unit, inverse })
    }

    fn on_host(x: Tensor<2>, weight: &Tensor<1>, bias: Tensor<1>, epsilon: f32) -> (Tensor<2>, Self) {
        let [_, d_model] = x.dims();
        let (weight, bias) = (host_vector(weight.clone()), host_vector(bias));
        let mut unit = HostMatrix::new(x);
        let (mut output, mut inverse) = (unit.zeros(d_model), unit.zeros(1));
        vectorised(
            #[inline(always)]
            || {
                for ((x, y), inverse) in unit.rows_mut().zip(output.rows_mut()).zip(inverse.values_mut()) {
                    let mean = sum(x, x, |a, _| a) / d_model as f32;
                    x.iter_mut().for_each(|x| *x -= mean);
                    let variance = sum(x, x, |a, b| a * b) / d_model as f32;
                    *inverse = (variance + epsilon).sqrt().recip();
                    for (((x, y), weight), bias) in
                        x.iter_mut().zip(y).zip(weight.values()).zip(bias.values())
                    {
                        *x *= *inverse;
                        *y = *x * weight + bias;
                    }
                }
            },
        );
        (output.into_tensor(), Self { unit: unit.into_tensor(), inverse: inverse.into_tensor() })
    }

    fn backward(self, grad: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
        if HostMatrix::can_hold(&grad) {
            return self.pull_on_host(grad, weight);
        }
        let grad = grad * weight.unsqueeze();
        let along = (grad.clone() * self.unit.clone()).mean_dim(1);
        let mean = grad.clone().mean_dim(1);
        (grad - mean - self.unit * along) * self.inverse
    }

    fn pull_on_host(self, grad: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
        let [_, d_model] = grad.dims();
        let (mut grad, weight) = (HostMatrix::new(grad), host_vector(weight));
        let (unit, inverse) = (HostMatrix::new(self.unit), HostMatrix::new(self.inverse));
        vectorised(
            #[inline(always)]
            || {
                for ((grad, unit), inverse) in grad.rows_mut().zip(unit.rows()).zip(inverse.values()) {
                    grad.iter_mut().zip(weight.values()).for_each(|(grad, weight)| *grad *= weight);
                    let mean = sum(grad, grad, |a, _| a) / d_model as f32;
                    let along = sum(grad, unit, |a, b| a * b) / d_model as f32;
                    for (grad, unit) in grad.iter_mut().zip(unit) {
                        *grad = (*grad - mean - unit * along) * inverse;
                    }
                }
            },
        );
        grad.into_tensor()
    }
}

fn host_vector(vector: Tensor<1>) -> HostMatrix {
    HostMatrix::new(vector.unsqueeze())
}
