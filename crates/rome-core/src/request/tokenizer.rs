//! The interface of a tokenizer.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use crate::error::{ErrorKind, Hint};

/// Token ids with the place of each in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// The token ids.
    pub ids: Vec<u32>,
    /// The bytes of the text that each token covers; empty for a token that was added.
    pub spans: Vec<Range<usize>>,
}

impl Encoding {
    /// Returns the last token that covers a part of `range`, in bytes of the text.
    pub fn last_token_in(&self, range: &Range<usize>) -> Option<usize> {
        self.spans.iter().rposition(|span| span.start < range.end && span.end > range.start)
    }
}

/// Turns text into tokens and back.
pub trait Tokenizer: Send + Sync {
    /// Encodes a whole text, as the model expects it at the start of a sequence.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    fn encode(&self, text: &str) -> Result<Encoding, TokenError>;

    /// True if texts have tokens. Without a tokenizer there are tokens alone.
    fn has_text(&self) -> bool {
        true
    }

    /// Encodes a stretch of a longer text, of which more came before: no start token is added.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, TokenError>;

    /// Decodes tokens, special ones included.
    ///
    /// # Errors
    /// When an id is unknown to the tokenizer.
    fn decode(&self, ids: &[u32]) -> Result<String, TokenError>;

    /// Decodes tokens and leaves out special ones; a tokenizer without any need not do so.
    ///
    /// # Errors
    /// When an id is unknown to the tokenizer.
    fn decode_text(&self, ids: &[u32]) -> Result<String, TokenError> {
        self.decode(ids)
    }

    /// Returns the tokens that are put before each text, which are those of no text.
    ///
    /// # Errors
    /// When the tokenizer fails.
    fn start(&self) -> Result<Vec<u32>, TokenError> {
        Ok(self.encode("")?.ids)
    }

    /// Encodes a text that follows another: the tokens that both together have beyond those of the first. By itself,
    /// a text may have other ones, such as a blank before it.
    ///
    /// # Errors
    /// [`TokenError::Joined`] when the first text's tokens do not begin those of both.
    fn encode_after(&self, before: &str, text: &str) -> Result<Vec<u32>, TokenError> {
        self.encode_after_tokens(&self.encode(before)?.ids, before, text)
    }

    /// Encodes a text like [`encode_after`](Self::encode_after), after one whose tokens are known.
    ///
    /// # Errors
    /// As [`encode_after`](Self::encode_after).
    fn encode_after_tokens(&self, tokens: &[u32], before: &str, text: &str) -> Result<Vec<u32>, TokenError> {
        let joined = || TokenError::Joined { before: before.to_owned(), text: text.to_owned() };
        let both = self.encode(&format!("{before}{text}"))?.ids;
        Ok(both.strip_prefix(tokens).ok_or_else(joined)?.to_vec())
    }

    /// Decodes tokens that follow others, with the blank that they may begin with.
    ///
    /// # Errors
    /// When an id is unknown to the tokenizer.
    fn decode_after(&self, before: &[u32], ids: &[u32]) -> Result<String, TokenError> {
        let (first, both) = (self.decode(before)?, self.decode(&[before, ids].concat())?);
        match both.strip_prefix(&first) {
            Some(text) => Ok(text.to_owned()),
            // The first token goes on with a character that the others began.
            None => self.decode(ids),
        }
    }
}

/// A failure of the tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The tokenizer fails.
    #[error("the tokenizer failed: {0}")]
    Failed(String),
    /// There is no tokenizer.
    #[error("the model has no tokenizer, so that it takes no text")]
    Absent,
    /// Two texts share a token.
    #[error(
        "{text:?} cannot be asked for after {before:?}: one token stands for the end of one and the start of the other"
    )]
    Joined {
        /// The first text.
        before: String,
        /// The second.
        text: String,
    },
}

impl Hint for TokenError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Failed(_) => "check that the tokenizer belongs to the model",
            Self::Absent => {
                "give requests, contexts and preservation prompts as token ids, or put a tokenizer.json into the \
                 model's folder"
            }
            Self::Joined { .. } => "end the first at the end of a word, without a blank",
        })
    }
}
