//! The scores of a run.

use rome_eval::{Estimate, RunSummary};

/// The scores of CounterFact and of zsRE, each with the measures that it is made of.
pub(super) const SCORES: [&str; 8] =
    ["S", "ES", "PS", "NS", "score", "efficacy", "paraphrase", "specificity"];

/// The score of a run, of CounterFact or of zsRE.
pub(super) fn score(summary: &RunSummary) -> Option<Estimate> {
    summary.post("S").or_else(|| summary.post("score"))
}
