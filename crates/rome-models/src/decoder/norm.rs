//! Norms and their derivatives.

use burn::module::Param;
use burn::prelude::*;
use burn::tensor::module::layer_norm;
use rome_core::Recorded;
use rome_core::forward::host::{HostMatrix, sum, vectorised};

use super::linear_map::frozen;
use super::parts::{Gain, NormKind, NormParts};
use super::tensor_source::TensorSource;
use crate::ModelError;

/// A norm over equal stretches of the last axis, usually one: `unit(x) · weight + bias`, where `unit` divides by
/// the root of the mean square, or takes the mean away and divides by the standard deviation.
#[derive(Module, Debug)]
pub struct Norm {
    /// The factors, `[width]`; of a norm that stores them less 1, with that 1.
    pub weight: Param<Tensor<1>>,
    /// `[width]`; zeros of a norm without.
    pub bias: Param<Tensor<1>>,
    /// The length of a stretch.
    stretch: usize,
    epsilon: f64,
    #[module(skip)]
    kind: NormKind,
}

impl Norm {
    /// Loads `<path>.weight` and `<path>.bias`, `[width]` each, as far as there are such.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(super) fn load(
        tensors: &mut impl TensorSource,
        path: &str,
        width: usize,
        parts: NormParts,
    ) -> Result<Self, ModelError> {
        let weight = match parts.gain {
            Gain::One => Tensor::ones([width], tensors.device()),
            _ => tensors.take(&format!("{path}.weight"), [width])?,
        };
        let bias = if parts.has_bias {
            tensors.take(&format!("{path}.bias"), [width])?
        } else {
            Tensor::zeros([width], tensors.device())
        };
        Ok(Self::new(weight, bias, width, parts))
    }

    /// Makes a norm over stretches of its width, `[width]`, of the weight as it is stored.
    pub(super) fn new(weight: Tensor<1>, bias: Tensor<1>, stretch: usize, parts: NormParts) -> Self {
        let weight = if parts.gain == Gain::OnePlus { weight + 1.0 } else { weight };
        Self { weight: frozen(weight), bias: frozen(bias), stretch, epsilon: parts.epsilon, kind: parts.kind }
    }

    /// Applies the norm.
    ///
    /// # Shapes
    /// - input, output: `[n_tokens, width]`
    pub fn forward<'m>(&self, input: Recorded<'m>) -> Recorded<'m> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let [_, width] = input.value().dims();
        let is_layer_norm = self.kind == NormKind::Layer && self.stretch == width;
        if is_layer_norm && !input.is_recording() && !HostMatrix::can_hold(input.value()) {
            return layer_norm(input.into_value(), weight, Some(bias), self.epsilon).into();
        }
        let &Self { kind, stretch, epsilon, .. } = self;
        input.then(move |x| {
            let [n_tokens, width] = x.dims();
            let stretches = [n_tokens * width / stretch, stretch];
            let factors = Factors { weight: weight.clone(), bias };
            let (output, unit) = Unit::new(x.reshape(stretches), &factors, kind, epsilon);
            let pull = move |grad: Tensor<2>| {
                unit.backward(grad.reshape(stretches), weight).reshape([n_tokens, width])
            };
            (output.reshape([n_tokens, width]), pull)
        })
    }
}

/// The weight and the bias, `[width]` each: those of several stretches one after another.
struct Factors {
    weight: Tensor<1>,
    bias: Tensor<1>,
}

/// The values that the backward pass of a norm needs.
struct Unit {
    kind: NormKind,
    /// `[n_stretches, stretch]`
    unit: Tensor<2>,
    /// The reciprocal of the divisor, `[n_stretches, 1]`.
    inverse: Tensor<2>,
}

impl Unit {
    /// Returns the norm's output, too, `[n_stretches, stretch]`.
    fn new(x: Tensor<2>, factors: &Factors, kind: NormKind, epsilon: f64) -> (Tensor<2>, Self) {
        if HostMatrix::can_hold(&x) {
            return Self::on_host(x, factors, kind, epsilon as f32);
        }
        let centred = match kind {
            NormKind::Rms => x,
            NormKind::Layer => x.clone() - x.mean_dim(1),
        };
        let inverse = (centred.clone().square().mean_dim(1) + epsilon).sqrt().recip();
        let unit = centred * inverse.clone();
        let shape = unit.dims();
        let wide = unit.clone().reshape([-1, factors.weight.dims()[0] as i32]);
        let output = wide * factors.weight.clone().unsqueeze() + factors.bias.clone().unsqueeze();
        (output.reshape(shape), Self { kind, unit, inverse })
    }

    fn on_host(x: Tensor<2>, factors: &Factors, kind: NormKind, epsilon: f32) -> (Tensor<2>, Self) {
        let [_, stretch] = x.dims();
        let (weight, bias) = (host_vector(factors.weight.clone()), host_vector(factors.bias.clone()));
        let weights = weight.values().chunks_exact(stretch).zip(bias.values().chunks_exact(stretch)).cycle();
        let mut unit = HostMatrix::new(x);
        let (mut output, mut inverse) = (unit.zeros(stretch), unit.zeros(1));
        vectorised(
            #[inline(always)]
            || {
                let rows = unit.rows_mut().zip(output.rows_mut()).zip(inverse.values_mut());
                for (((x, y), inverse), (weight, bias)) in rows.zip(weights) {
                    if kind == NormKind::Layer {
                        let mean = sum(x, x, |a, _| a) / stretch as f32;
                        x.iter_mut().for_each(|x| *x -= mean);
                    }
                    let square = sum(x, x, |a, b| a * b) / stretch as f32;
                    *inverse = (square + epsilon).sqrt().recip();
                    for (((x, y), weight), bias) in x.iter_mut().zip(y).zip(weight).zip(bias) {
                        *x *= *inverse;
                        *y = *x * weight + bias;
                    }
                }
            },
        );
        (output.into_tensor(), Self { kind, unit: unit.into_tensor(), inverse: inverse.into_tensor() })
    }

    fn backward(self, grad: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
        if HostMatrix::can_hold(&grad) {
            return self.pull_on_host(grad, weight);
        }
        let shape = grad.dims();
        let grad = grad.reshape([-1, weight.dims()[0] as i32]) * weight.unsqueeze();
        let grad = grad.reshape(shape);
        let along = (grad.clone() * self.unit.clone()).mean_dim(1);
        let grad = match self.kind {
            NormKind::Rms => grad,
            NormKind::Layer => grad.clone() - grad.mean_dim(1),
        };
        (grad - self.unit * along) * self.inverse
    }

    fn pull_on_host(self, grad: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
        let [_, stretch] = grad.dims();
        let (mut grad, weight) = (HostMatrix::new(grad), host_vector(weight));
        let weights = weight.values().chunks_exact(stretch).cycle();
        let (unit, inverse) = (HostMatrix::new(self.unit), HostMatrix::new(self.inverse));
        let is_centred = self.kind == NormKind::Layer;
        vectorised(
            #[inline(always)]
            || {
                let rows = grad.rows_mut().zip(unit.rows()).zip(inverse.values());
                for (((grad, unit), inverse), weight) in rows.zip(weights) {
                    grad.iter_mut().zip(weight).for_each(|(grad, weight)| *grad *= weight);
                    let mean = if is_centred { sum(grad, grad, |a, _| a) / stretch as f32 } else { 0.0 };
                    let along = sum(grad, unit, |a, b| a * b) / stretch as f32;
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
