//! Facts that a model is expected to know, `known_1000.json` of the reference.

use std::collections::BTreeSet;
use std::path::Path;

use rome_core::Tokenizer;
use serde::{Deserialize, Serialize};

use crate::counterfact::CounterFact;
use crate::data;
use crate::error::EvalError;

/// A fact that a model is expected to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFact {
    /// Its number.
    pub known_id: u64,
    /// The prompt, subject in its place.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// The answer that the model should give.
    pub attribute: String,
}

impl From<CounterFact> for KnownFact {
    /// The fact that a record edits, as it is before.
    fn from(record: CounterFact) -> Self {
        Self {
            known_id: record.case_id,
            prompt: record.requested_rewrite.sentence(),
            subject: record.requested_rewrite.subject,
            attribute: record.requested_rewrite.target_true.str,
        }
    }
}

impl KnownFact {
    /// Reads a list of facts. A broken one stands for itself, and so does a second one of a number.
    ///
    /// # Errors
    /// When the file cannot be read, or is no list.
    pub fn read(path: &Path) -> Result<Vec<Result<Self, EvalError>>, EvalError> {
        let mut facts = data::parse::<Self>(path, &data::read(path)?)?;
        let mut seen = BTreeSet::new();
        for (index, read) in facts.iter_mut().enumerate() {
            if let Ok(fact) = read
                && !seen.insert(fact.known_id)
            {
                *read = Err(data::twice(path, index, "known_id", fact.known_id));
            }
        }
        Ok(facts)
    }

    /// True if a token is the answer or begins it. The reference asks for the whole of it, and so
    /// skips every answer of several tokens; those of `known_1000.json` are single ones for GPT-2.
    ///
    /// # Errors
    /// When the tokenizer refuses the answer.
    pub fn is_answered_by(&self, token: u32, tokenizer: &dyn Tokenizer) -> Result<bool, EvalError> {
        let answer = tokenizer.encode_continuation(&format!(" {}", self.attribute.trim()))?;
        Ok(answer.first() == Some(&token))
    }
}
