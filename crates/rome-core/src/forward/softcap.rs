//! The bound of scores and logits, `cap tanh(x / cap)`.

use burn::prelude::*;

use super::host::{HostMatrix, tanh, vectorised};

/// Bounds values, and returns the slope of the bound at each, too.
///
/// # Shapes
/// - x, both outputs: `[n, width]`
pub fn softcap(x: Tensor<2>, cap: f64) -> (Tensor<2>, Tensor<2>) {
    if !HostMatrix::can_hold(&x) {
        let shares = (x / cap).tanh();
        return (shares.clone() * cap, shares.square().neg() + 1.0);
    }
    let [_, width] = x.dims();
    let mut x = HostMatrix::new(x);
    let mut slopes = x.zeros(width);
    let cap = cap as f32;
    vectorised(
        #[inline(always)]
        || {
            for (x, slope) in x.values_mut().iter_mut().zip(slopes.values_mut()) {
                let share = tanh(*x / cap);
                (*x, *slope) = (cap * share, 1.0 - share * share);
            }
        },
    );
    (x.into_tensor(), slopes.into_tensor())
}

/// Bounds values in place.
pub(super) fn bound(values: &mut [f32], cap: f32) {
    vectorised(
        #[inline(always)]
        || values.iter_mut().for_each(|x| *x = cap * tanh(*x / cap)),
    );
}
