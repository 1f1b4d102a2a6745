//! The aspects that an edit is judged by.

/// The aspects that an edit is judged by, each with prompts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// The new object follows the prompt of the edit.
    Rewrite,
    /// It follows the same in other words.
    Paraphrase,
    /// Subjects that share the old object keep it.
    Neighborhood,
}

impl Aspect {
    pub(crate) const ALL: [Self; 3] = [Self::Rewrite, Self::Paraphrase, Self::Neighborhood];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Paraphrase => "paraphrase",
            Self::Neighborhood => "neighborhood",
        }
    }
}
