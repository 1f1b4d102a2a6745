//! Facts that a model is expected to know, `known_1000.json` of the reference.

use std::path::Path;

use rome_core::{ModelShape, Tokenizer};
use serde::{Deserialize, Serialize};

use super::prompt::TracePrompt;
use crate::counterfact::CounterFact;
use crate::data;
use crate::error::EvalError;

/// A fact that a model is expected to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFact {
    /// Its number; its place in the file where there is none.
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
    /// When the file cannot be read, or is no JSON.
    pub fn read(path: &Path) -> Result<Vec<Result<Self, EvalError>>, EvalError> {
        let facts = data::parse(data::read(path)?, "known_id", |fact: &Self| fact.known_id, |fact| fact);
        Ok(facts.into_iter().map(|(_, fact)| fact).collect())
    }

    /// The prompt of the fact, which asks for its answer.
    ///
    /// # Errors
    /// When the subject is not there, or prompt and answer do not fit into the model.
    pub fn trace_prompt(
        &self,
        tokenizer: &dyn Tokenizer,
        shape: &ModelShape,
    ) -> Result<TracePrompt, EvalError> {
        let prompt = TracePrompt::new(&self.prompt, &self.subject, tokenizer, shape)?;
        prompt.with_answer(self.attribute.trim(), tokenizer, shape)
    }
}
