//! A module with an update beside it.

use burn::prelude::*;

use super::rank_one::{RankOneUpdate, UpdateError};
use crate::model::LinearLike;

/// A module with a rank-one update beside it: `forward(x) + (x·left) right`.
///
/// This edits anything with the right sizes, also what has no weight that could be changed: a
/// quantised layer, a fused kernel, a stack of layers that is linear as a whole.
#[derive(Debug, Clone)]
pub struct Patched<M> {
    inner: M,
    left: Tensor<2>,
    right: Tensor<2>,
}

impl<M: LinearLike> Patched<M> {
    /// Puts an update beside a module.
    ///
    /// # Errors
    /// [`UpdateError`] when the sizes differ or a value is not finite.
    pub fn new(inner: M, update: &RankOneUpdate, device: &Device) -> Result<Self, UpdateError> {
        update.check(&inner)?;
        let (left, right) = update.vectors(device);
        Ok(Self { inner, left: left.reshape([-1, 1]), right: right.reshape([1, -1]) })
    }

    /// Takes the module out, as it was.
    pub fn into_inner(self) -> M {
        self.inner
    }
}

impl<M: LinearLike> LinearLike for Patched<M> {
    fn d_input(&self) -> usize {
        self.inner.d_input()
    }

    fn d_output(&self) -> usize {
        self.inner.d_output()
    }

    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let coefficients = input.clone().matmul(self.left.clone());
        self.inner.forward(input) + coefficients * self.right.clone()
    }
}
