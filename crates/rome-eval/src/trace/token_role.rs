//! The part that a token plays in a prompt about a fact.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The part that a token plays in a prompt about a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRole {
    /// The subject's first token.
    FirstSubject,
    /// A token between its first and its last.
    MiddleSubject,
    /// The subject's last token.
    LastSubject,
    /// The first after it.
    FirstAfter,
    /// A token between that and the last.
    Further,
    /// The last token of the prompt.
    Last,
}

impl TokenRole {
    /// All of them, in the order of a prompt.
    pub const ALL: [Self; 6] = [
        Self::FirstSubject,
        Self::MiddleSubject,
        Self::LastSubject,
        Self::FirstAfter,
        Self::Further,
        Self::Last,
    ];

    /// The name in plots.
    pub fn label(self) -> &'static str {
        match self {
            Self::FirstSubject => "First subject token",
            Self::MiddleSubject => "Middle subject tokens",
            Self::LastSubject => "Last subject token",
            Self::FirstAfter => "First subsequent token",
            Self::Further => "Further tokens",
            Self::Last => "Last token",
        }
    }

    /// The tokens that have this role in a prompt of `n_tokens`. As in the reference, a subject of one token
    /// is both its first and its last, and what follows may be both the first after it and the last.
    pub(super) fn tokens(self, [start, end]: [usize; 2], n_tokens: usize) -> Range<usize> {
        let last = n_tokens - 1;
        match self {
            Self::FirstSubject => start..start + 1,
            Self::MiddleSubject => start + 1..(end - 1).max(start + 1),
            Self::LastSubject => end - 1..end,
            Self::FirstAfter => end..(end + 1).min(last + 1),
            Self::Further => (end + 1).min(last)..last,
            Self::Last => last..last + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_from_the_subject_on_has_its_role() {
        let tokens = |subject, n| TokenRole::ALL.map(|role| role.tokens(subject, n).collect::<Vec<_>>());
        assert_eq!(tokens([1, 4], 8), [vec![1], vec![2], vec![3], vec![4], vec![5, 6], vec![7]]);
        assert_eq!(tokens([0, 1], 2), [vec![0], vec![], vec![0], vec![1], vec![], vec![1]]);
        // A subject at the end has nothing after it.
        assert_eq!(tokens([1, 3], 3), [vec![1], vec![], vec![2], vec![], vec![], vec![2]]);
    }
}
