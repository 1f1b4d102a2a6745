//! Values of tensors in the host's memory, for loops that a backend would run in many passes.
//!
//! On the CPU each element-wise operation is a pass through memory on one thread; GELU and its
//! slope alone are fourteen. Written as one loop they take a tenth of the time. A GPU fuses such
//! operations by itself, so every loop has a form in tensor operations beside it.

use std::slice::{ChunksExact, ChunksExactMut};

use burn::prelude::*;
use burn::tensor::{DType, TensorData};

/// True if a device computes in the host's memory.
pub fn is_host(device: &Device) -> bool {
    // Only devices with memory of their own report on it.
    device.memory_pool_usage().is_none()
}

/// The values of a matrix in f32, row by row.
pub struct HostMatrix {
    data: TensorData,
    n_columns: usize,
    device: Device,
}

impl HostMatrix {
    /// True if a tensor's values are within reach, in f32, and no tape wants to see what becomes of
    /// them.
    pub fn can_hold(tensor: &Tensor<2>) -> bool {
        let device = tensor.device();
        is_host(&device) && !device.is_autodiff() && tensor.dtype() == DType::F32
    }

    /// Takes the values out of a tensor, without a copy if nothing else holds them.
    ///
    /// # Panics
    /// If the tensor is of another type; see [`can_hold`](Self::can_hold).
    pub fn new(tensor: Tensor<2>) -> Self {
        assert_eq!(tensor.dtype(), DType::F32, "a host matrix is in f32");
        let ([_, n_columns], device) = (tensor.dims(), tensor.device());
        Self { data: tensor.into_data(), n_columns, device }
    }

    /// Makes a matrix of zeros with as many rows.
    #[must_use]
    pub fn zeros(&self, n_columns: usize) -> Self {
        let n_rows = self.values().len() / self.n_columns;
        let data = TensorData::new(vec![0.0f32; n_rows * n_columns], [n_rows, n_columns]);
        Self { data, n_columns, device: self.device.clone() }
    }

    /// Rows and columns.
    pub fn dims(&self) -> [usize; 2] {
        [self.values().len() / self.n_columns, self.n_columns]
    }

    /// The values.
    pub fn values(&self) -> &[f32] {
        self.data.as_slice().expect("f32 by construction")
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.data.as_mut_slice().expect("f32 by construction")
    }

    /// The rows.
    pub fn rows(&self) -> ChunksExact<'_, f32> {
        self.values().chunks_exact(self.n_columns)
    }

    /// The rows, to be changed.
    pub fn rows_mut(&mut self) -> ChunksExactMut<'_, f32> {
        let n_columns = self.n_columns;
        self.values_mut().chunks_exact_mut(n_columns)
    }

    /// Makes a tensor of the values, without a copy.
    pub fn into_tensor(self) -> Tensor<2> {
        Tensor::from_data(self.data, &self.device)
    }
}

/// Runs a loop with the widest vectors that the processor has.
///
/// Functions that the loop calls gain by this only if they are inlined into it.
pub fn vectorised<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}

/// The number of partial sums that a sum runs over, so that it needs no order.
const LANES: usize = 16;

/// Sums `term(a, b)` over pairs, in a fixed order that vectors can follow.
#[inline(always)]
pub fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(a, b)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The greatest of some values.
#[inline(always)]
pub fn max(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], chunk[lane]);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// `e^x` to within 2 units in the last place, in operations that vectors have.
///
/// The argument is split into `n ln 2 + r`; `e^r` is a polynomial (Cephes' `expf`), and `2^n` goes
/// into the exponent. Arguments are clamped to where the result is a normal number.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding and taking away 1.5 × 2²³ rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    // The integer that was rounded to stands in the last bits of the sum.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (p * r).mul_add(r, r + 1.0) * power
}

/// `tanh(x)` to within 2 units in the last place of 1, in operations that vectors have.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let x = x.clamp(-20.0, 20.0);
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_the_standard_library() {
        for i in -8_600..=8_790 {
            let x = i as f32 / 100.0 + 0.003;
            let exact = f64::from(x).exp();
            // Two units in the last place of f32.
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 2.4e-7, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn tanh_is_that_of_the_standard_library() {
        for i in -2_500..=2_500 {
            let x = i as f32 / 100.0;
            // Two units in the last place of 1 in f32.
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 2.4e-7, "{x}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::INFINITY) > 1e38);
    }

    #[test]
    fn a_sum_takes_every_element() {
        for len in [0usize, 1, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            assert_eq!(sum(&values, &values, |a, _| a), (len * len.saturating_sub(1) / 2) as f32);
            assert_eq!(max(&values), values.last().copied().unwrap_or(f32::NEG_INFINITY));
        }
    }
}
