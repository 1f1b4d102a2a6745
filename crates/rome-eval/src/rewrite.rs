//! The edit that a record asks for.

use rome_core::Request;
use serde::{Deserialize, Serialize};

/// The edit that a record asks for, by the names of the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// The prompt, with `{}` for the subject.
    pub prompt: String,
    /// The relation's id in Wikidata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation_id: Option<String>,
    /// The new object.
    pub target_new: Target,
    /// The old one.
    pub target_true: Target,
    /// The subject.
    pub subject: String,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub str: String,
    /// Its id in Wikidata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Target {
    /// An object by its name alone.
    pub fn named(name: impl Into<String>) -> Self {
        Self { str: name.into(), id: None }
    }
}

impl Rewrite {
    /// The edit itself.
    pub fn request(&self) -> Request {
        Request::text(&self.prompt, &self.subject, &self.target_new.str)
    }

    /// True if another edit has the same prompt, subject and objects.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let of = |rewrite: &Self| {
            let Self { prompt, subject, target_new, target_true, .. } = rewrite.clone();
            (prompt, subject, target_new.str, target_true.str)
        };
        of(self) == of(other)
    }

    /// The prompt with its subject.
    pub fn sentence(&self) -> String {
        self.prompt.replacen("{}", &self.subject, 1)
    }
}
