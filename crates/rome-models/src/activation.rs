//! The MLP's activation.

use burn::prelude::*;
use burn::tensor::activation::{gelu, relu, sigmoid};
use rome_core::Recorded;
use rome_core::forward::host::{HostMatrix, exp, vectorised};

/// The activation functions that checkpoints name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// GELU in its tanh form.
    GeluNew,
    /// GELU by the error function.
    Gelu,
    /// The positive part.
    Relu,
    /// The square of the positive part.
    Relu2,
    /// `x sigmoid(1.702 x)`
    QuickGelu,
    /// `x sigmoid(x)`
    Silu,
}

/// The slopes of a gated activation `φ(a) ⊙ b` in `a` and in `b`.
pub(crate) struct GatedSlopes {
    of_gate: Tensor<2>,
    of_up: Tensor<2>,
}

impl GatedSlopes {
    /// Returns the gradients of `a` and `b`, given that of the product.
    pub(crate) fn pull(self, grad: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (grad.clone() * self.of_gate, grad * self.of_up)
    }
}

/// Runs a loop with the [kernel](Kernel) of an activation, if it has one.
macro_rules! with_kernel {
    ($activation:expr, $kernel:ident => $with:expr, $without:expr) => {
        match $activation {
            Activation::GeluNew => {
                type $kernel = GeluNewKernel;
                $with
            }
            Activation::Relu => {
                type $kernel = ReluKernel;
                $with
            }
            Activation::Relu2 => {
                type $kernel = Relu2Kernel;
                $with
            }
            Activation::QuickGelu => {
                type $kernel = QuickGeluKernel;
                $with
            }
            Activation::Silu => {
                type $kernel = SiluKernel;
                $with
            }
            Activation::Gelu => $without,
        }
    };
}

impl Activation {
    /// All functions.
    pub const ALL: [Self; 6] =
        [Self::GeluNew, Self::Gelu, Self::Relu, Self::Relu2, Self::QuickGelu, Self::Silu];

    /// Finds the function of a name in a `config.json`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Some(Self::GeluNew),
            "gelu" | "gelu_python" => Some(Self::Gelu),
            "relu" => Some(Self::Relu),
            "relu2" => Some(Self::Relu2),
            "quick_gelu" => Some(Self::QuickGelu),
            "silu" | "swish" => Some(Self::Silu),
            _ => None,
        }
    }

    /// Applies the function to each element.
    pub fn forward(self, input: Recorded<'_>) -> Recorded<'_> {
        if !input.is_recording() {
            return self.value(input.into_value()).into();
        }
        input.then(|x| {
            let (output, slope) = self.with_slope(x);
            (output, |grad| grad * slope)
        })
    }

    fn value(self, x: Tensor<2>) -> Tensor<2> {
        if HostMatrix::can_hold(&x) {
            with_kernel!(self, K => value_on_host::<K>(x), self.value_by_tensors(x))
        } else {
            self.value_by_tensors(x)
        }
    }

    fn with_slope(self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        if HostMatrix::can_hold(&x) {
            with_kernel!(self, K => with_slope_on_host::<K>(x), self.with_slope_by_tensors(x))
        } else {
            self.with_slope_by_tensors(x)
        }
    }

    /// Returns `φ(gate) ⊙ up`.
    pub(crate) fn gated(self, gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
        if HostMatrix::can_hold(&gate) && HostMatrix::can_hold(&up) {
            with_kernel!(self, K => gated_on_host::<K>(gate, up), self.value_by_tensors(gate) * up)
        } else {
            self.value_by_tensors(gate) * up
        }
    }

    /// Returns `φ(gate) ⊙ up` and its slopes.
    pub(crate) fn gated_with_slopes(self, gate: Tensor<2>, up: Tensor<2>) -> (Tensor<2>, GatedSlopes) {
        if HostMatrix::can_hold(&gate) && HostMatrix::can_hold(&up) {
            with_kernel!(
                self,
                K => gated_with_slopes_on_host::<K>(gate, up),
                self.gated_with_slopes_by_tensors(gate, up)
            )
        } else {
            self.gated_with_slopes_by_tensors(gate, up)
        }
    }

    fn gated_with_slopes_by_tensors(self, gate: Tensor<2>, up: Tensor<2>) -> (Tensor<2>, GatedSlopes) {
        let (active, slope) = self.with_slope_by_tensors(gate);
        (active.clone() * up.clone(), GatedSlopes { of_gate: slope * up, of_up: active })
    }

    fn value_by_tensors(self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::GeluNew => x.clone() * sigmoid(x.clone() * (x.square() * CUBIC + LINEAR)),
            Self::Gelu => gelu(x),
            Self::Relu => relu(x),
            Self::Relu2 => relu(x).square(),
            Self::QuickGelu => x.clone() * sigmoid(x * QUICK),
            Self::Silu => x.clone() * sigmoid(x),
        }
    }

    fn with_slope_by_tensors(self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        match self {
            Self::GeluNew => {
                let square = x.clone().square();
                let gate = sigmoid(x.clone() * (square.clone() * CUBIC + LINEAR));
                let inner = x.clone() * (square * (3.0 * CUBIC) + LINEAR);
                let slope = gate.clone() + gate.clone() * (gate.clone().neg() + 1.0) * inner;
                (x * gate, slope)
            }
            Self::Gelu => (gelu(x.clone()), gelu_slope(x)),
            Self::Relu => (relu(x.clone()), x.greater_elem(0.0).float()),
            Self::Relu2 => {
                let positive = relu(x);
                (positive.clone().square(), positive * 2.0)
            }
            Self::QuickGelu => sigmoid_with_slope(x, QUICK),
            Self::Silu => sigmoid_with_slope(x, 1.0),
        }
    }
}

/// The factor of [`Activation::QuickGelu`].
const QUICK: f64 = 1.702;

/// The terms of `2√(2/π) (x + 0.044715 x³)`.
const LINEAR: f64 = 2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
const CUBIC: f64 = LINEAR * 0.044715;

/// `x sigmoid(a x)` and its slope.
fn sigmoid_with_slope(x: Tensor<2>, a: f64) -> (Tensor<2>, Tensor<2>) {
    let gate = sigmoid(x.clone() * a);
    let output = x * gate.clone();
    let slope = gate.clone() + output.clone() * (gate.neg() + 1.0) * a;
    (output, slope)
}

/// `Φ(x) + x φ(x)`
fn gelu_slope(x: Tensor<2>) -> Tensor<2> {
    let cumulative = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
    let density = (x.clone().square() * -0.5).exp()
        * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
    cumulative + x * density
}

/// An activation of one element, in operations that vectors have.
trait Kernel {
    fn value(x: f32) -> f32 {
        Self::with_slope(x).0
    }

    fn with_slope(x: f32) -> (f32, f32);
}

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, written as `x sigmoid(2√(2/π) (x + 0.044715 x³))`.
///
/// The two are equal. This one takes one exponential for each element where burn's
/// `gelu_approximate` takes a power and a hyperbolic tangent, which on the CPU cost more than the
/// matrix product before them.
struct GeluNewKernel;
struct ReluKernel;
struct Relu2Kernel;
struct QuickGeluKernel;
struct SiluKernel;

#[inline(always)]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

impl Kernel for GeluNewKernel {
    #[inline(always)]
    fn with_slope(x: f32) -> (f32, f32) {
        let gate = logistic(x * (x * x * CUBIC as f32 + LINEAR as f32));
        let inner = x * (x * x * (3.0 * CUBIC as f32) + LINEAR as f32);
        (x * gate, gate + gate * (1.0 - gate) * inner)
    }
}

impl Kernel for ReluKernel {
    #[inline(always)]
    fn with_slope(x: f32) -> (f32, f32) {
        (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 })
    }
}

impl Kernel for Relu2Kernel {
    #[inline(always)]
    fn with_slope(x: f32) -> (f32, f32) {
        let positive = x.max(0.0);
        (positive * positive, 2.0 * positive)
    }
}

impl Kernel for QuickGeluKernel {
    #[inline(always)]
    fn with_slope(x: f32) -> (f32, f32) {
        let gate = logistic(QUICK as f32 * x);
        (x * gate, gate + QUICK as f32 * x * gate * (1.0 - gate))
    }
}

impl Kernel for SiluKernel {
    #[inline(always)]
    fn with_slope(x: f32) -> (f32, f32) {
        let gate = logistic(x);
        (x * gate, gate + x * gate * (1.0 - gate))
    }
}

fn value_on_host<K: Kernel>(x: Tensor<2>) -> Tensor<2> {
    let mut x = HostMatrix::new(x);
    vectorised(
        #[inline(always)]
        || x.values_mut().iter_mut().for_each(|x| *x = K::value(*x)),
    );
    x.into_tensor()
}

fn with_slope_on_host<K: Kernel>(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [_, width] = x.dims();
    let mut x = HostMatrix::new(x);
    let mut slopes = x.zeros(width);
    vectorised(
        #[inline(always)]
        || {
            for (x, slope) in x.values_mut().iter_mut().zip(slopes.values_mut()) {
                (*x, *slope) = K::with_slope(*x);
            }
        },
    );
    (x.into_tensor(), slopes.into_tensor())
}

fn gated_on_host<K: Kernel>(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    let (mut gate, up) = (HostMatrix::new(gate), HostMatrix::new(up));
    vectorised(
        #[inline(always)]
        || {
            for (gate, up) in gate.values_mut().iter_mut().zip(up.values()) {
                *gate = K::value(*gate) * up;
            }
        },
    );
    gate.into_tensor()
}

fn gated_with_slopes_on_host<K: Kernel>(gate: Tensor<2>, up: Tensor<2>) -> (Tensor<2>, GatedSlopes) {
    let [_, width] = gate.dims();
    let (mut gate, mut up) = (HostMatrix::new(gate), HostMatrix::new(up));
    let mut key = gate.zeros(width);
    vectorised(
        #[inline(always)]
        || {
            let pairs = gate.values_mut().iter_mut().zip(up.values_mut());
            for ((gate, up), key) in pairs.zip(key.values_mut()) {
                let (active, slope) = K::with_slope(*gate);
                *key = active * *up;
                (*gate, *up) = (slope * *up, active);
            }
        },
    );
    (key.into_tensor(), GatedSlopes { of_gate: gate.into_tensor(), of_up: up.into_tensor() })
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::gelu_approximate;
    use burn::tensor::{TensorData, Tolerance};

    use super::*;

    fn line(start: f32) -> Tensor<2> {
        let values: Vec<f32> = (-120..=120).map(|i| start + i as f32 / 10.0).collect();
        Tensor::from_data(TensorData::new(values, [1, 241]), &Device::flex())
    }

    #[test]
    fn gelu_new_is_the_tanh_form() {
        // Both round an exponential to f32.
        let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-6);
        let found = Activation::GeluNew.value(line(0.0));
        found.into_data().assert_approx_eq(&gelu_approximate(line(0.0)).into_data(), tolerance);
    }

    #[test]
    fn the_loops_on_the_host_are_the_tensor_operations() {
        // Both round an exponential to f32.
        let same = |found: Tensor<2>, expected: Tensor<2>| {
            let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-6);
            found.into_data().assert_approx_eq(&expected.into_data(), tolerance);
        };
        for activation in Activation::ALL {
            let (gate, up) = (line(0.03), line(1.0));
            same(activation.value(gate.clone()), activation.value_by_tensors(gate.clone()));
            let (found, expected) =
                (activation.with_slope(gate.clone()), activation.with_slope_by_tensors(gate.clone()));
            same(found.0, expected.0);
            same(found.1, expected.1);
            let (key, slopes) = activation.gated_with_slopes(gate.clone(), up.clone());
            let (expected, of) = activation.gated_with_slopes_by_tensors(gate.clone(), up.clone());
            same(slopes.of_gate, of.of_gate);
            same(slopes.of_up, of.of_up);
            same(key, expected.clone());
            same(activation.gated(gate, up), expected);
        }
    }
}
