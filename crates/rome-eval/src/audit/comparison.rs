//! The answers to a prompt before and after an edit.

use rome_core::Tokenizer;
use serde::Serialize;

use super::answers::AuditAnswers;
use super::distribution::Distribution;
use super::prompt_kind::PromptKind;
use super::questions::Questions;

/// The number of most probable tokens to list.
const N_TOP: usize = 5;

/// A divergence above this, in nats, is another answer even if the same token leads.
pub(super) const FAR: f64 = 0.5;

/// The answers to a prompt before and after an edit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromptComparison {
    /// The relation of the prompt to the edit.
    pub kind: PromptKind,
    /// The prompt.
    pub prompt: String,
    /// The most probable tokens before.
    pub before: Vec<TokenProbability>,
    /// The most probable tokens after.
    pub after: Vec<TokenProbability>,
    /// The probability of the new object before and after.
    pub p_new: Option<[f64; 2]>,
    /// The probability of the old object before and after.
    pub p_old: Option<[f64; 2]>,
    /// `KL(after ‖ before)`, in nats.
    pub divergence: f64,
    /// True if another token is the most probable one now.
    pub changed: bool,
    /// True if greedy decoding writes all of the new object after.
    pub is_new: bool,
    /// True if the new object's first token, at least, is the most probable one after.
    pub first_token: bool,
}

/// A token and how probable a model finds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenProbability {
    /// The token.
    pub token: u32,
    /// Its text.
    pub text: String,
    /// Its probability.
    pub p: f64,
}

/// The divergence of the answer to a KL prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KlPromptDivergence {
    /// The prompt, up to where it is looked at.
    pub prompt: String,
    /// `KL(after ‖ before)`, in nats.
    pub divergence: f64,
}

/// Answers of a model before and after an edit, and the questions they are to.
pub(super) struct AnswerPair<'a> {
    pub(super) questions: &'a Questions,
    pub(super) before: &'a AuditAnswers,
    pub(super) after: &'a AuditAnswers,
    pub(super) tokenizer: &'a dyn Tokenizer,
}

impl AnswerPair<'_> {
    /// Compares the answers to each prompt.
    pub(super) fn prompts(&self) -> Vec<PromptComparison> {
        (0..self.questions.prompts.len()).map(|index| self.prompt(index)).collect()
    }

    fn prompt(&self, index: usize) -> PromptComparison {
        let question = &self.questions.prompts[index];
        let answers = [self.before, self.after];
        let [before, after] = answers.map(|answers| &answers.prompts[index]);
        let object = |which: usize| {
            let [before, after] = answers.map(|answers| answers.objects[index][which]);
            before.zip(after).map(|(before, after)| [before.probability, after.probability])
        };
        let (top_before, top_after) = (self.top(before), self.top(after));
        let first_before = top_before.first().map(|top| top.token);
        let first_after = top_after.first().map(|top| top.token);
        let new = self.after.objects[index][0];
        // What was said before is the old object where none is given.
        let said = first_before.map(|token| [before, after].map(|answers| answers.probability(token)));
        PromptComparison {
            kind: question.kind,
            prompt: question.text.clone(),
            p_new: object(0),
            p_old: object(1).or(said),
            divergence: after.divergence(before),
            changed: first_before != first_after,
            is_new: new.is_some_and(|new| new.is_greedy),
            first_token: new.is_some_and(|new| new.is_first),
            before: top_before,
            after: top_after,
        }
    }

    fn top(&self, distribution: &Distribution) -> Vec<TokenProbability> {
        let top = distribution.top(N_TOP).into_iter();
        top.map(|(token, p)| TokenProbability { token, text: self.text(&[token]), p }).collect()
    }

    /// Compares the answers to each KL prompt.
    pub(super) fn kl_prompts(&self) -> Vec<KlPromptDivergence> {
        let pairs = self.after.kl_prompts.iter().zip(&self.before.kl_prompts);
        let divergence = pairs.map(|(after, before)| after.divergence(before));
        let rows = self.questions.kl_rows.iter().zip(divergence);
        rows.map(|(row, divergence)| {
            let prompt = self.text(&row.tokens[..=row.lookup]);
            KlPromptDivergence { prompt, divergence }
        })
        .collect()
    }

    fn text(&self, tokens: &[u32]) -> String {
        self.tokenizer.decode(tokens).unwrap_or_else(|_| format!("{tokens:?}"))
    }
}

impl PromptComparison {
    /// True if the answer is another one: another token leads, or the same one far less.
    pub fn moved(&self) -> bool {
        self.changed || self.divergence > FAR
    }

    /// True if the new object is more probable than the old one.
    pub fn prefers_new(&self) -> bool {
        match (self.p_new, self.p_old) {
            (Some([_, new]), Some([_, old])) => new > old,
            _ => false,
        }
    }
}
