//! The place that a decoder's tensors come from.

use burn::prelude::*;

use crate::{Checkpoint, ModelError};

/// The place that a decoder's tensors come from: a checkpoint, or anything that has tensors by their canonical
/// names.
pub trait TensorSource {
    /// The device that tensors are taken to.
    fn device(&self) -> &Device;

    /// True if there is a tensor of this name that was not taken yet.
    fn has(&self, name: &str) -> bool;

    /// Takes a tensor.
    ///
    /// # Errors
    /// When it is missing, misshapen or cannot be read.
    fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, ModelError>;
}

impl TensorSource for Checkpoint<'_> {
    fn device(&self) -> &Device {
        self.device()
    }

    fn has(&self, name: &str) -> bool {
        self.has(name)
    }

    fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, ModelError> {
        self.take(name, shape)
    }
}
