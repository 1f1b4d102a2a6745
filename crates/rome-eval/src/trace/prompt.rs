//! A prompt to trace, and where its subject is.

use std::ops::Range;

use rome_core::request::RequestError;
use rome_core::{ModelShape, TokenCodec};

use crate::EvalError;

/// A prompt to trace, and where its subject is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedPrompt {
    /// The prompt.
    pub text: String,
    /// The subject.
    pub subject_text: String,
    /// The tokens of the prompt.
    pub tokens: Vec<u32>,
    /// Those of the subject.
    pub subject: Range<usize>,
}

impl TracedPrompt {
    /// Puts the subject where the prompt has its `{}`; without one, finds it in the prompt: its first
    /// occurrence as it is written, as `find_token_range` of the reference does, or, if there is
    /// none, without blanks at its ends.
    ///
    /// # Errors
    /// When the subject is not there, or the prompt does not fit into the model.
    pub fn new(
        prompt: &str,
        subject: &str,
        tokens: &dyn TokenCodec,
        shape: &ModelShape,
    ) -> Result<Self, EvalError> {
        let trimmed = subject.trim();
        if trimmed.is_empty() {
            return Err(RequestError::EmptySubject.into());
        }
        if let count @ 2.. = prompt.matches("{}").count() {
            return Err(RequestError::ManySlots { prompt: prompt.to_owned(), count }.into());
        }
        let text = prompt.replacen("{}", subject, 1);
        let leading = subject.len() - subject.trim_start().len();
        // A slot, or the subject as it is written.
        let as_written = prompt.find("{}").or_else(|| prompt.find(subject)).map(|start| start + leading);
        let start = as_written.or_else(|| prompt.find(trimmed));
        let start = start.ok_or_else(|| RequestError::SubjectNotFound {
            subject: subject.to_owned(),
            prompt: prompt.to_owned(),
        })?;
        let end = start + trimmed.len();
        let encoding = tokens.encode(&text)?;
        let (len, n_positions) = (encoding.ids.len(), shape.n_positions);
        if len > n_positions {
            return Err(EvalError::Length { prompt: text, len, n_positions });
        }
        rome_core::rows::check_vocabulary(&encoding.ids, shape)?;
        let first = encoding.spans.iter().position(|span| span.end > start && span.start < end);
        // The last of several tokens that make up its last character.
        let last = encoding.last_token_in(&(start..end));
        let Some((first, last)) = first.zip(last) else {
            return Err(RequestError::SubjectLost { text }.into());
        };
        Ok(Self { text, subject_text: trimmed.to_owned(), tokens: encoding.ids, subject: first..last + 1 })
    }
}
