//! A prompt to trace, and where its subject is.

use std::ops::Range;

use rome_core::request::{Occurrence, RequestError, Sentence, check_vocabulary, spaced_target};
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
    /// The answer whose probability is traced; without one, the most probable token after the prompt.
    pub answer: Option<TraceAnswer>,
}

/// An answer whose probability is traced: the product over its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceAnswer {
    /// Its text.
    pub text: String,
    /// Its tokens, at least one.
    pub tokens: Vec<u32>,
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
        check_length(&text, encoding.ids.len(), shape)?;
        check_vocabulary(&encoding.ids, shape)?;
        let is_in = |span: &Range<usize>| span.end > subject.start && span.start < subject.end;
        let first = encoding.spans.iter().position(is_in);
        // The last of several tokens that make up its last character.
        let last = encoding.last_token_in(&subject);
        let Some((first, last)) = first.zip(last) else {
            return Err(RequestError::SubjectLost { text }.into());
        };
        let subject_text = text[subject].to_owned();
        Ok(Self { text, subject_text, tokens: encoding.ids, subject: first..last + 1, answer: None })
    }

    /// Asks for an answer instead of the most probable token. A blank is put before it, as before a target.
    ///
    /// # Errors
    /// When it has no tokens, or does not fit into the model behind the prompt.
    pub fn with_answer(
        self,
        answer: &str,
        tokenizer: &dyn Tokenizer,
        shape: &ModelShape,
    ) -> Result<Self, EvalError> {
        let text = spaced_target(answer)?;
        let tokens = tokenizer.encode_after_tokens(&self.tokens, &self.text, &text)?;
        if tokens.is_empty() {
            return Err(RequestError::EmptyTarget.into());
        }
        check_vocabulary(&tokens, shape)?;
        check_length(&self.text, self.tokens.len() + tokens.len() - 1, shape)?;
        Ok(Self { answer: Some(TraceAnswer { text, tokens }), ..self })
    }
}

fn check_length(prompt: &str, len: usize, shape: &ModelShape) -> Result<(), EvalError> {
    let n_positions = shape.n_positions;
    if len > n_positions {
        return Err(EvalError::Length { prompt: prompt.to_owned(), len, n_positions });
    }
    Ok(())
}
