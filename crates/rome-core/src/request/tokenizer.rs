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

    /// Encodes text that continues from other tokens: no start token is added.
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
}

/// A failure of the tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the tokenizer failed: {0}")]
pub struct TokenError(pub String);

impl Hint for TokenError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Cow<'static, str> {
        Cow::Borrowed("check that the tokenizer belongs to the model")
    }
}
