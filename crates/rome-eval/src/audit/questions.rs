//! The questions that a model is asked before and after an edit.

use rome_core::request::{Row, TokenizedRequest};

use super::prompt_kind::PromptKind;

/// A prompt and the objects that might follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The relation of the prompt to the edit.
    pub kind: PromptKind,
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
    /// The KL prompts of the edits, with their lookup positions, whose divergence the edits kept small.
    pub kl_rows: Vec<Row>,
    /// Windows of a text whose perplexity is taken, each of two tokens or more.
    pub text: Vec<Vec<u32>>,
}

impl Questions {
    /// Adds the prompt of a request and its KL prompts.
    pub(super) fn add_request(&mut self, text: String, request: &TokenizedRequest, old: Vec<u32>) {
        let (tokens, new) = (request.clean.tokens.clone(), request.target.clone());
        self.prompts.push(Question { kind: PromptKind::Rewrite, text, tokens, new, old });
        for row in &request.kl_rows {
            if !self.kl_rows.contains(row) {
                self.kl_rows.push(row.clone());
            }
        }
    }

    /// Takes windows of a text of at most `n_positions` tokens each.
    pub(super) fn set_text(&mut self, tokens: &[u32], n_positions: usize) {
        let windows = tokens.chunks(n_positions.max(2)).filter(|window| window.len() > 1);
        self.text = windows.map(<[u32]>::to_vec).collect();
    }
}
