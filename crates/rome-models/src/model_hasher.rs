//! Computes the identity of a model.

use std::collections::BTreeMap;

use rome_core::ModelHash;

use crate::stored::StoredType;

/// BLAKE3 over the canonical names, types, shapes and bytes of tensors, in the order of their names.
/// How a checkpoint is split over files does not matter to it.
#[derive(Debug, Default)]
pub struct ModelHasher {
    tensors: BTreeMap<String, blake3::Hash>,
}

impl ModelHasher {
    /// Adds a tensor by its canonical name.
    pub fn add(&mut self, name: &str, dtype: StoredType, shape: &[usize], bytes: &[u8]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(dtype.name().as_bytes());
        for &size in shape {
            hasher.update(&(size as u64).to_le_bytes());
        }
        hasher.update_rayon(bytes);
        self.tensors.insert(name.to_owned(), hasher.finalize());
    }

    /// The hash of all tensors added.
    pub fn finish(&self) -> ModelHash {
        let mut hasher = blake3::Hasher::new();
        for (name, hash) in &self.tensors {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(hash.as_bytes());
        }
        ModelHash::new(hasher.finalize().to_hex().as_str())
    }
}
