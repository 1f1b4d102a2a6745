//! The identity of a model.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The identity of a model: BLAKE3 over canonical names, types, shapes and bytes of all its tensors, in
/// hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelHash(String);

impl ModelHash {
    /// Takes a hash that was computed, or that a file names.
    pub fn new(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// The whole hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginning of the hash, enough to tell it from others.
    pub fn short(&self) -> &str {
        short_hash(&self.0)
    }
}

impl fmt::Display for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of a hash in hexadecimal, enough to tell it from others.
pub fn short_hash(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
