//! What is to be thought of an edit.

use rome_core::EditEntry;
use rome_core::edit::THIN_ALIGNMENT;
use serde::Serialize;

use crate::audit::{Comparison, Perplexity, Preserved};
use crate::questions::Kind;

/// Perplexity that grows by more than this factor is that of a damaged model.
const DISABLED: f64 = 1.5;
/// Perplexity that grows by more than this factor is worth a word.
const HARMED: f64 = 1.05;
/// Neighbours of which more than this share answer otherwise have been spilled over.
const SPILLED: f64 = 0.2;
/// A divergence above this, in nats, is another answer even if the same token leads.
const FAR: f64 = 0.5;

/// What is to be thought of an edit, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The model is damaged as a whole.
    Disabled,
    /// The edited prompt has another answer than the new object.
    DidNotTake,
    /// It took, and what should have stayed has changed, too.
    SpilledOver,
    /// It took, and other things are as they were.
    Took,
    /// There was no edited prompt to ask.
    Unknown,
    /// No tensor is another one.
    Unchanged,
}

impl Verdict {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Verdict::Took => "took",
            Verdict::SpilledOver => "took, and spilled over",
            Verdict::DidNotTake => "did not take",
            Verdict::Disabled => "disabled the model",
            Verdict::Unknown => "changed the model",
            Verdict::Unchanged => "changed nothing",
        }
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What speaks for it, and what else there is to know.
    pub reasons: Vec<String>,
}

impl Judgement {
    pub(crate) fn of(
        prompts: &[Comparison],
        preserved: &[Preserved],
        perplexity: Option<&Perplexity>,
        edits: &[EditEntry],
        is_changed: bool,
    ) -> Self {
        let of_kind = |kind| prompts.iter().filter(move |prompt| prompt.kind == kind);
        let share = |kind: Kind, holds: fn(&Comparison) -> bool| {
            let n = of_kind(kind).count();
            (n > 0).then(|| (of_kind(kind).filter(|prompt| holds(prompt)).count(), n))
        };
        let mut reasons = Vec::new();
        let took = share(Kind::Rewrite, |prompt| prompt.is_new);
        if let Some((n_took, n)) = took {
            reasons.push(format!("the new object comes first at {n_took} of {n} edited {}", prompts_word(n)));
        }
        if let Some((n_same, n)) = share(Kind::Paraphrase, |prompt| prompt.prefers_new()) {
            reasons.push(format!("it is more probable than the old one at {n_same} of {n} paraphrases"));
        }
        let mut spilled = false;
        for (kind, what) in [(Kind::Neighbour, "neighbours"), (Kind::Unrelated, "unrelated prompts")] {
            let Some((n_moved, n)) = share(kind, Comparison::moved) else { continue };
            spilled |= n_moved as f64 > SPILLED * n as f64;
            let n_new = of_kind(kind).filter(|prompt| prompt.is_new).count();
            let new = match n_new {
                0 => String::new(),
                n => format!(", {n} of them to the new object"),
            };
            reasons.push(format!("{n_moved} of {n} {what} answer otherwise{new}"));
        }
        let furthest = preserved.iter().map(|preserved| preserved.divergence).fold(0.0, f64::max);
        if !preserved.is_empty() {
            reasons.push(format!("the preservation prompts diverge by {furthest:.3} nats at most"));
            spilled |= furthest > FAR;
        }
        let mut disabled = false;
        if let Some(perplexity) = perplexity {
            let ratio = perplexity.ratio();
            disabled = ratio > DISABLED || ratio.is_nan();
            let how = if disabled {
                ": that of a damaged model"
            } else if ratio > HARMED {
                ": somewhat worse"
            } else {
                ""
            };
            reasons.push(format!(
                "perplexity on text goes from {:.1} to {:.1}, {ratio:.3} times as high{how}",
                perplexity.before, perplexity.after
            ));
        }
        let thinnest =
            edits.iter().filter_map(|edit| Some(edit.alignment?.abs())).fold(f64::INFINITY, f64::min);
        if thinnest < THIN_ALIGNMENT {
            reasons.push(format!(
                "the key it divides by hardly points along the edit (cosine {thinnest:.3}), which inflates it: \
                 try --variant mean-key"
            ));
        }
        let verdict = match took {
            _ if !is_changed => Verdict::Unchanged,
            _ if disabled => Verdict::Disabled,
            None => Verdict::Unknown,
            Some((n_took, n)) if n_took < n => Verdict::DidNotTake,
            Some(_) if spilled => Verdict::SpilledOver,
            Some(_) => Verdict::Took,
        };
        Self { verdict, reasons }
    }
}

impl Comparison {
    /// Whether the answer is another one: another token leads, or the same one far less.
    pub fn moved(&self) -> bool {
        self.changed || self.divergence > FAR
    }

    /// Whether the new object is more probable than the old one.
    pub fn prefers_new(&self) -> bool {
        match (self.p_new, self.p_old) {
            (Some([_, new]), Some([_, old])) => new > old,
            _ => false,
        }
    }
}

fn prompts_word(n: usize) -> &'static str {
    if n == 1 { "prompt" } else { "prompts" }
}
