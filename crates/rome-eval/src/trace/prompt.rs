//! A prompt to trace, and where its subject is.

use std::ops::Range;

use rome_core::request::{Occurrence, RequestError, Sentence, check_vocabulary};
use rome_core::{ModelShape, Tokenizer};

use crate::error::EvalError;

/// A prompt to trace, and where its subject is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracePrompt {
    /// The prompt.
    pub text: String,
    /// The subject.
    pub subject_text: String,
    /// The tokens of the prompt.
    pub tokens: Vec<u32>,
    /// The tokens of the subject.
    pub subject: Range<usize>,
}

impl TracePrompt {
    /// Puts the subject where the prompt has its `{}`; without one, finds it in the prompt: its
    /// [first](Occurrence::First) occurrence, as `find_token_range` of the reference does.
    ///
    /// # Errors
    /// When the subject is not there, or the prompt does not fit into the model.
    pub fn new(
        prompt: &str,
        subject: &str,
        tokenizer: &dyn Tokenizer,
        shape: &ModelShape,
    ) -> Result<Self, EvalError> {
        let Sentence { text, subject } = Sentence::new(prompt, subject, Occurrence::First)?;
        let encoding = tokenizer.encode(&text)?;
        let (len, n_positions) = (encoding.ids.len(), shape.n_positions);
        if len > n_positions {
            return Err(EvalError::Length { prompt: text, len, n_positions });
        }
        check_vocabulary(&encoding.ids, shape)?;
        let is_in = |span: &Range<usize>| span.end > subject.start && span.start < subject.end;
        let first = encoding.spans.iter().position(is_in);
        // The last of several tokens that make up its last character.
        let last = encoding.last_token_in(&subject);
        let Some((first, last)) = first.zip(last) else {
            return Err(RequestError::SubjectLost { text }.into());
        };
        let subject_text = text[subject].to_owned();
        Ok(Self { text, subject_text, tokens: encoding.ids, subject: first..last + 1 })
    }
}
