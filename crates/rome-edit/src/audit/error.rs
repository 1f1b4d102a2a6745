//! Why two checkpoints cannot be compared.

use std::borrow::Cow;

use rome_core::{ErrorKind, Hint};
use thiserror::Error;

/// Why two checkpoints cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A tensor has another shape in the other checkpoint.
    #[error("{tensor} has shape {shape:?}, and {other_shape:?} in {other}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its shape in the other checkpoint.
        other_shape: Vec<usize>,
        /// The other checkpoint.
        other: String,
    },
    /// A checkpoint lacks a tensor.
    #[error("{checkpoint} has no tensor {tensor}")]
    NoTensor {
        /// The checkpoint.
        checkpoint: String,
        /// The tensor.
        tensor: String,
    },
}

impl Hint for AuditError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::OtherModel
    }

    fn hint(&self) -> Cow<'static, str> {
        "give two checkpoints of the same architecture".into()
    }
}
