//! Prompts whose answer an edit should preserve.

use serde::{Deserialize, Serialize};

/// A prompt whose next-token distribution the edit is asked to keep (the KL term of eq. 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KlPrompt {
    /// A template for the request's subject, such as `"{} is a"`.
    Template(String),
    /// A prompt with a subject of its own.
    Text {
        /// The prompt, with one `{}` or containing the subject.
        prompt: String,
        /// The subject.
        subject: String,
    },
    /// Tokens and the position of the subject's last one.
    Tokens {
        /// The tokens of the prompt.
        tokens: Vec<u32>,
        /// The position where δ is added and the distribution is read.
        lookup: usize,
    },
}

impl KlPrompt {
    /// The reference's own: `"{} is a"`.
    pub fn essence() -> Self {
        KlPrompt::Template("{} is a".to_owned())
    }
}
