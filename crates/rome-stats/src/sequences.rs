//! Documents as sequences of tokens.

use serde::{Deserialize, Serialize};

/// The way that documents become the sequences that a model reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sequences {
    /// Each document is one, cut to the model's context, as the reference has it.
    #[default]
    Cut,
    /// Documents follow one another in sequences as long as the context, so that none of the text
    /// is lost.
    Packed {
        /// The token after each document, if any.
        separator: Option<u32>,
    },
}
