//! Why a request cannot be made into rows of tokens.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use super::tokenizer::TokenError;
use crate::error::{ErrorKind, Hint};

/// Why a request cannot be made into rows of tokens.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// A field of the JSON form is missing or has the wrong type.
    #[error("the request has no {field}")]
    MissingField {
        /// The missing field.
        field: &'static str,
    },
    /// The subject is empty or blank.
    #[error("the subject is empty")]
    EmptySubject,
    /// The target is empty or blank.
    #[error("the target is empty")]
    EmptyTarget,
    /// The prompt has no `{}` and does not contain the subject.
    #[error("the subject {subject:?} does not occur in the prompt {prompt:?}")]
    SubjectNotFound {
        /// The subject.
        subject: String,
        /// The prompt.
        prompt: String,
    },
    /// The prompt or context has more than one `{}`.
    #[error("{prompt:?} has {count} places marked {{}}, and at most one is allowed")]
    ManySlots {
        /// The prompt or context.
        prompt: String,
        /// The number of occurrences.
        count: usize,
    },
    /// A context has no `{}`.
    #[error("the context {context:?} has no {{}} to put the prompt in")]
    NoSlot {
        /// The context.
        context: String,
    },
    /// There is no context to average a key over.
    #[error("the list of contexts is empty")]
    NoContexts,
    /// A context puts text after the prompt, which tokens cannot be joined with.
    #[error("the context {context:?} continues after {{}}, which a request in tokens cannot use")]
    ContextAfterTokens {
        /// The context.
        context: String,
    },
    /// The subject's range is empty or outside of the prompt.
    #[error("the subject's tokens [{}, {}) are not a part of a prompt of {len} tokens", .subject.start, .subject.end)]
    SubjectRange {
        /// The range given.
        subject: Range<usize>,
        /// The prompt's length.
        len: usize,
    },
    /// A KL prompt's lookup position is outside of its tokens.
    #[error("the lookup position {lookup} is not in a KL prompt of {len} tokens")]
    Lookup {
        /// The position.
        lookup: usize,
        /// The number of tokens.
        len: usize,
    },
    /// A KL prompt is a sentence, but the request has no subject as text.
    #[error(
        "the preservation prompt {prompt:?} needs the subject as text, but the request is given as tokens"
    )]
    KlPromptText {
        /// The KL prompt.
        prompt: String,
    },
    /// A row is longer than the model's context.
    #[error("a row has {len} tokens, and the model takes {n_positions}: {text:?}")]
    TooLong {
        /// The row's length in tokens.
        len: usize,
        /// The model's context length.
        n_positions: usize,
        /// The start of the row's text or tokens.
        text: String,
    },
    /// A token id is outside of the model's vocabulary.
    #[error("the token {token} is outside of the model's vocabulary of {vocab_size}")]
    UnknownToken {
        /// The token id.
        token: u32,
        /// The number of embeddings.
        vocab_size: usize,
    },
    /// The tokenizer left nothing of the subject.
    #[error("no token of {text:?} belongs to the subject")]
    SubjectLost {
        /// The sentence.
        text: String,
    },
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenError),
}

impl Hint for RequestError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::MissingField { .. } => {
                "give {\"prompt\", \"subject\", \"target\"} or {\"prompt_tokens\", \"subject\": [first, end], \"target_tokens\"}"
            }
            Self::EmptySubject => "give the subject as it is spelled in the prompt",
            Self::EmptyTarget => "give the new object, such as \" Rome\"",
            Self::SubjectNotFound { .. } => {
                "put {} in the subject's place, or spell the subject as in the prompt"
            }
            Self::ManySlots { .. } => "put {} in one place only",
            Self::NoSlot { .. } => "write it as \"Some text. {}\", or give a list of token ids",
            Self::NoContexts => "give at least \"{}\", the prompt without a prefix",
            Self::ContextAfterTokens { .. } => "end the context with {}, or give a list of token ids",
            Self::SubjectRange { .. } | Self::Lookup { .. } => {
                "count from 0; the end of a range is exclusive"
            }
            Self::KlPromptText { .. } => "use a template with {}, or {\"tokens\", \"lookup\"}",
            Self::TooLong { .. } => "shorten the prompt, the context or the target",
            Self::UnknownToken { .. } => "use the token ids of this model's tokenizer",
            Self::SubjectLost { .. } => "check that the tokenizer belongs to the model",
            Self::Tokenizer(error) => return error.hint(),
        };
        Cow::Borrowed(hint)
    }
}
