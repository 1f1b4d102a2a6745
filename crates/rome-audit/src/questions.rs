//! What a model is asked before and after an edit.

use rome_core::rows::{EditRows, Row};
use serde::Serialize;

/// How a prompt is related to an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The edited prompt itself.
    Rewrite,
    /// The same in other words: should change, too.
    Paraphrase,
    /// Another subject with the same old object: should stay as it is.
    Neighbour,
    /// Something else altogether: should stay as it is.
    Unrelated,
}

impl Kind {
    /// All of them, the nearest to the edit first.
    pub const ALL: [Kind; 4] = [Kind::Rewrite, Kind::Paraphrase, Kind::Neighbour, Kind::Unrelated];

    /// What prompts of this kind are called.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Rewrite => "The edited prompts",
            Kind::Paraphrase => "The same in other words",
            Kind::Neighbour => "Neighbours, who should stay as they are",
            Kind::Unrelated => "Unrelated, and should stay as it is",
        }
    }
}

/// A prompt and what might follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// How it is related to the edit.
    pub kind: Kind,
    /// The prompt as a person reads it.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// The tokens of the new object, where the edit has one for it.
    pub new: Vec<u32>,
    /// The tokens of the old object; the most probable token before the edit if it is not known.
    pub old: Vec<u32>,
}

/// All that a model is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// Prompts, the rewrites first.
    pub prompts: Vec<Question>,
    /// The preservation prompts of the edits, with their lookup positions, whose divergence the
    /// edits kept small.
    pub preserved: Vec<(String, Row)>,
    /// Windows of a text whose perplexity is taken, each of two tokens or more.
    pub text: Vec<Vec<u32>>,
}

impl Questions {
    /// Adds the prompt of a request and its preservation prompts.
    pub fn add_request(&mut self, text: String, rows: &EditRows, old: Vec<u32>) {
        let tokens = rows.clean.tokens.clone();
        let question = Question { kind: Kind::Rewrite, text, tokens, new: rows.target.clone(), old };
        self.prompts.push(question);
        for row in &rows.preservations {
            if !self.preserved.iter().any(|(_, other)| other == row) {
                self.preserved.push((String::new(), row.clone()));
            }
        }
    }

    /// Takes windows of a text of at most `n_positions` tokens each.
    pub fn set_text(&mut self, tokens: &[u32], n_positions: usize) {
        self.text = tokens
            .chunks(n_positions.max(2))
            .filter(|window| window.len() > 1)
            .map(<[u32]>::to_vec)
            .collect();
    }
}
