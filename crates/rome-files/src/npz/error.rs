//! Why an archive of arrays cannot be read.

use std::io;

use thiserror::Error;

/// Why an archive of arrays cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NpzError {
    /// It is no archive, or its values cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It has no array of this name.
    #[error("it has no array {name:?}")]
    Missing {
        /// The name.
        name: String,
    },
    /// An array cannot be opened, or its header makes no sense.
    #[error("{name:?}: {reason}")]
    Malformed {
        /// The array.
        name: String,
        /// The fault.
        reason: String,
    },
    /// An array holds other values than are read.
    #[error("{name:?} is stored as {found}, not as floating-point numbers")]
    NoFloats {
        /// The array.
        name: String,
        /// The type of its values.
        found: String,
    },
    /// An array holds other values than whole numbers.
    #[error("{name:?} is stored as {found}, and holds no whole numbers")]
    NoIntegers {
        /// The array.
        name: String,
        /// The type of its values.
        found: String,
    },
}
