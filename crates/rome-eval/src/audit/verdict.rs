//! The verdict on an edit, with its reasons.

use rome_core::EditEntry;
use rome_core::method::THIN_COSINE;
use serde::Serialize;

use super::comparison::{FAR, KlPromptDivergence, PromptComparison};
use super::perplexity::Perplexity;
use super::prompt_kind::PromptKind;
use super::weight_change::WeightChange;

/// Perplexity that grows by more than this factor is that of a damaged model.
const DISABLED: f64 = 1.5;
/// Perplexity that grows by more than this factor is worth a word.
const HARMED: f64 = 1.05;
/// Neighbours of which more than this share answer otherwise have been spilled over.
const SPILLED: f64 = 0.2;

/// The verdict on an edit, the worst first.
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
            Verdict::Took => "succeeded",
            Verdict::SpilledOver => "succeeded, but spilled over",
            Verdict::DidNotTake => "did not succeed",
            Verdict::Disabled => "disabled the model",
            Verdict::Unknown => "changed the model",
            Verdict::Unchanged => "changed nothing",
        }
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EditAssessment {
    /// The verdict.
    pub verdict: Verdict,
    /// The reasons, and what else there is to know.
    pub reasons: Vec<String>,
}

/// A share of prompts: a number of all.
#[derive(Clone, Copy)]
struct Share {
    n: usize,
    of: usize,
}

impl EditAssessment {
    /// Judges an edit by the answers at prompts and KL prompts, by a text, by the edits where they are known
    /// and by the weights that were changed.
    pub(super) fn of(
        prompts: &[PromptComparison],
        kl_prompts: &[KlPromptDivergence],
        perplexity: Option<&Perplexity>,
        edits: &[EditEntry],
        weights: &[WeightChange],
    ) -> Self {
        let mut reasons = Vec::new();
        let succeeded = Share::of(prompts, PromptKind::Rewrite, |prompt| prompt.is_new);
        if let Some(Share { n, of }) = succeeded {
            let plural = if of == 1 { "prompt" } else { "prompts" };
            let begun =
                Share::of(prompts, PromptKind::Rewrite, |prompt| prompt.first_token && !prompt.is_new);
            let begun = match begun {
                Some(Share { n, .. }) if n > 0 => format!(", at {n} only its first token is"),
                _ => String::new(),
            };
            reasons.push(format!(
                "the new object is the most probable one at {n} of {of} edited {plural}{begun}"
            ));
        }
        if let Some(Share { n, of }) =
            Share::of(prompts, PromptKind::Paraphrase, PromptComparison::prefers_new)
        {
            reasons.push(format!("it is more probable than the old one at {n} of {of} paraphrases"));
        }
        let mut spilled = false;
        for (kind, noun) in
            [(PromptKind::Neighbour, "neighbors"), (PromptKind::Unrelated, "unrelated prompts")]
        {
            let Some(moved) = Share::of(prompts, kind, PromptComparison::moved) else { continue };
            spilled |= moved.n as f64 > SPILLED * moved.of as f64;
            let to_new = match Share::of(prompts, kind, |prompt| prompt.is_new) {
                Some(Share { n, .. }) if n > 0 => format!(", {n} of them to the new object"),
                _ => String::new(),
            };
            reasons.push(format!("{} of {} {noun} change their answer{to_new}", moved.n, moved.of));
        }
        if !kl_prompts.is_empty() {
            let furthest = kl_prompts.iter().map(|prompt| prompt.divergence).fold(0.0, f64::max);
            reasons.push(format!("the preservation prompts diverge by at most {furthest:.3} nats"));
            spilled |= furthest > FAR;
        }
        let mut disabled = false;
        if let Some(perplexity) = perplexity {
            let ratio = perplexity.ratio();
            disabled = is_disabled(ratio);
            reasons.push(format!(
                "perplexity on {} changes from {:.1} to {:.1}, by a factor of {ratio:.3}{}",
                perplexity.text,
                perplexity.before,
                perplexity.after,
                damage(ratio)
            ));
        }
        let thinnest = edits.iter().filter_map(|edit| Some(edit.cosine?.abs())).fold(f64::INFINITY, f64::min);
        if thinnest < THIN_COSINE {
            reasons.push(format!(
                "the lookup key is nearly orthogonal to the edit direction (cosine {thinnest:.3}), so the update is \
                 inflated: try the variant mean-key"
            ));
        }
        let verdict = match succeeded {
            _ if weights.is_empty() => Verdict::Unchanged,
            _ if disabled => Verdict::Disabled,
            None => Verdict::Unknown,
            Some(Share { n, of }) if n < of => Verdict::DidNotTake,
            Some(_) if spilled => Verdict::SpilledOver,
            Some(_) => Verdict::Took,
        };
        Self { verdict, reasons }
    }
}

impl Share {
    /// The prompts of a kind that something holds of; none if there are none of that kind.
    fn of(
        prompts: &[PromptComparison],
        kind: PromptKind,
        holds: impl Fn(&PromptComparison) -> bool,
    ) -> Option<Self> {
        let of_kind = || prompts.iter().filter(|prompt| prompt.kind == kind);
        let of = of_kind().count();
        (of > 0).then(|| Self { n: of_kind().filter(|prompt| holds(prompt)).count(), of })
    }
}

/// True if a model whose perplexity grew by this factor is damaged as a whole.
fn is_disabled(ratio: f64) -> bool {
    ratio > DISABLED || ratio.is_nan()
}

/// The words for a ratio of perplexities.
fn damage(ratio: f64) -> &'static str {
    if is_disabled(ratio) {
        ": that of a damaged model"
    } else if ratio > HARMED {
        ": somewhat worse"
    } else {
        ""
    }
}
