//! The audit of an edit.

use rome_core::{EditEntry, Environment, TokenCodec};
use serde::Serialize;

use crate::answers::Distribution;
use crate::questions::Kind;
use crate::verdict::Judgement;
use crate::{Answers, Change, Questions};

/// How many of the most probable tokens are listed.
const N_TOP: usize = 5;

/// What was done to a model, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// What the model is called.
    pub model: String,
    /// What was done to it: the name of the other model, or of the files of edits.
    pub change: String,
    /// In words, with reasons.
    pub judgement: Judgement,
    /// The tensors that were changed.
    pub changes: Vec<Change>,
    /// The edits, where they are known, with their losses.
    pub edits: Vec<EditEntry>,
    /// What the model answers.
    pub prompts: Vec<Comparison>,
    /// The divergence at the preservation prompts.
    pub preserved: Vec<Preserved>,
    /// The perplexity on a text.
    pub perplexity: Option<Perplexity>,
    /// What computed the answers.
    pub environment: Environment,
}

/// Answers to a prompt before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How the prompt is related to the edit.
    pub kind: Kind,
    /// The prompt.
    pub prompt: String,
    /// The most probable tokens before.
    pub before: Vec<Guess>,
    /// The most probable tokens after.
    pub after: Vec<Guess>,
    /// The probability of the new object before and after.
    pub p_new: Option<[f64; 2]>,
    /// The probability of the old object before and after.
    pub p_old: Option<[f64; 2]>,
    /// `KL(after ‖ before)`, in nats.
    pub divergence: f64,
    /// Whether another token is the most probable one now.
    pub changed: bool,
    /// Whether the new object's first token is the most probable one after.
    pub is_new: bool,
}

/// A token that a model finds probable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guess {
    /// The token.
    pub token: u32,
    /// Its text.
    pub text: String,
    /// Its probability.
    pub p: f64,
}

/// A preservation prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preserved {
    /// The prompt, up to where it is looked at.
    pub prompt: String,
    /// `KL(after ‖ before)`, in nats.
    pub divergence: f64,
}

/// The perplexity on a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Perplexity {
    /// How many tokens of it were predicted.
    pub n_tokens: usize,
    /// Before the edit.
    pub before: f64,
    /// After the edit.
    pub after: f64,
}

impl Perplexity {
    /// How many times as high it is.
    pub fn ratio(&self) -> f64 {
        self.after / self.before
    }
}

impl Audit {
    /// Holds answers after an edit against those before.
    ///
    /// # Panics
    /// If the answers are to other questions.
    pub fn new(
        model: &str,
        change: &str,
        questions: &Questions,
        [before, after]: [&Answers; 2],
        tokens: &dyn TokenCodec,
        changes: Vec<Change>,
        edits: Vec<EditEntry>,
    ) -> Self {
        let text = |tokens_of: &[u32]| tokens.decode(tokens_of).unwrap_or_else(|_| format!("{tokens_of:?}"));
        let guesses = |distribution: &Distribution| {
            let top = distribution.top(N_TOP).into_iter();
            top.map(|(token, p)| Guess { token, text: text(&[token]), p }).collect::<Vec<_>>()
        };
        let prompts: Vec<Comparison> = questions
            .prompts
            .iter()
            .enumerate()
            .map(|(index, question)| {
                let [before_at, after_at] = [before, after].map(|answers| &answers.prompts[index]);
                let object = |which: usize| {
                    let [before, after] = [before, after].map(|answers| answers.objects[index][which]);
                    before.zip(after).map(|(before, after)| [before, after])
                };
                let (top_before, top_after) = (guesses(before_at), guesses(after_at));
                let first = top_before.first().map(|guess| guess.token);
                // What was said before is the old object where none is given.
                let said = first.map(|token| [before_at, after_at].map(|answers| answers.probability(token)));
                Comparison {
                    kind: question.kind,
                    prompt: question.text.clone(),
                    p_new: object(0),
                    p_old: object(1).or(said),
                    divergence: after_at.divergence(before_at),
                    changed: first != top_after.first().map(|guess| guess.token),
                    is_new: !question.new.is_empty()
                        && top_after.first().map(|guess| guess.token) == question.new.first().copied(),
                    before: top_before,
                    after: top_after,
                }
            })
            .collect();
        let preserved = questions.preserved.iter().zip(after.preserved.iter().zip(&before.preserved));
        let preserved = preserved.map(|((_, row), (after, before))| Preserved {
            prompt: text(&row.tokens[..=row.lookup]),
            divergence: after.divergence(before),
        });
        let preserved: Vec<Preserved> = preserved.collect();
        let perplexity = before.nll.zip(after.nll).map(|(before, after)| Perplexity {
            n_tokens: questions.text.iter().map(|window| window.len() - 1).sum(),
            before: before.exp(),
            after: after.exp(),
        });
        let judgement = Judgement::of(&prompts, &preserved, perplexity.as_ref(), &edits, !changes.is_empty());
        Self {
            model: model.to_owned(),
            change: change.to_owned(),
            judgement,
            changes,
            edits,
            prompts,
            preserved,
            perplexity,
            environment: after.environment.clone(),
        }
    }

    /// The prompts of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Comparison> {
        self.prompts.iter().filter(move |prompt| prompt.kind == kind)
    }

    /// A report as one page that needs nothing else: no script, no font, no file, no network.
    pub fn to_html(&self) -> String {
        crate::html::page(self)
    }
}
