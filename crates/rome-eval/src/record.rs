//! A record of a data set: an edit, and questions to the model before and after it.

use rome_core::scoring::TargetScore;
use rome_core::{Query, Tokenizer};

use crate::answers::Answers;
use crate::error::EvalError;
use crate::rewrite::Rewrite;

/// A record of a data set.
pub trait Record: Send + Sync {
    /// Its number, which names its results.
    fn case_id(&self) -> u64;

    /// The fact to write.
    fn rewrite(&self) -> &Rewrite;

    /// Prompts to be continued as text.
    fn generation_prompts(&self) -> &[String];

    /// Prompts about other subjects, whose answers are to stay.
    fn neighbours(&self) -> &[String] {
        &[]
    }

    /// The questions to the model, as tokens.
    ///
    /// # Errors
    /// When the tokenizer refuses a text.
    fn queries(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<Query>, EvalError>;

    /// Turns the scores of the queries, in their order, into answers.
    fn judge(&self, scores: &[Vec<TargetScore>]) -> Answers;
}
