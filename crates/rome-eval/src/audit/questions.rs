//! The questions that a model is asked before and after an edit.

use rome_core::request::{Row, TokenizedRequest};

use super::prompt_kind::PromptKind;
use crate::text_windows::TextWindows;

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
    /// The text whose perplexity is taken.
    pub text: TextWindows,
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
}
