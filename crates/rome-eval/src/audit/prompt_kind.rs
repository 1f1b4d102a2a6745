//! The relation of a prompt to an edit.

use serde::Serialize;

/// The relation of a prompt to an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptKind {
    /// The edited prompt itself.
    Rewrite,
    /// The same in other words: should change, too.
    Paraphrase,
    /// Another subject with the same old object: should stay as it is.
    Neighbour,
    /// Something else altogether: should stay as it is.
    Unrelated,
}

impl PromptKind {
    /// All of them, the nearest to the edit first.
    pub const ALL: [Self; 4] = [Self::Rewrite, Self::Paraphrase, Self::Neighbour, Self::Unrelated];

    /// The heading over prompts of this kind.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rewrite => "The edited prompts",
            Self::Paraphrase => "Paraphrases",
            Self::Neighbour => "Neighbors, which should not change",
            Self::Unrelated => "Unrelated prompts, which should not change",
        }
    }
}
