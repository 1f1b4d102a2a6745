//! Facts that a model is expected to know, `known_1000.json` of the reference.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{EvalError, data};

/// A fact that a model is expected to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFact {
    /// Its number.
    pub known_id: u64,
    /// The prompt, subject in its place.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// What the model should answer.
    pub attribute: String,
}

impl KnownFact {
    /// Reads a list of facts. A broken one stands for itself.
    ///
    /// # Errors
    /// When the file cannot be read, or is no list.
    pub fn read(path: &Path) -> Result<Vec<Result<Self, EvalError>>, EvalError> {
        data::read(path)
    }

    /// Whether a model's first token is the answer, or begins it, where the reference asks for the
    /// whole of it and so skips every answer of several tokens.
    pub fn is_answered_by(&self, token: &str) -> bool {
        let token = token.trim();
        !token.is_empty() && self.attribute.trim().starts_with(token)
    }
}
