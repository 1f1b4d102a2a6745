//! The outcome of an evaluation of facts together.

use rome_eval::{Estimate, RunSummary};
use serde::Serialize;

/// An evaluation of facts together.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TogetherEvaluation {
    /// Of each method and number, in order.
    pub points: Vec<TogetherPoint>,
}

/// The evaluation of a method with a number of records on the model.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TogetherPoint {
    /// The method.
    pub method: String,
    /// The number of records on the model.
    pub n: usize,
    /// The number of facts of a batch, if they were edited in batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// The scores.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// NS over the neighbours whose subjects are not edited themselves.
    pub unedited_neighbours: Option<Estimate>,
    /// The number of facts whose targets are generated: greedy decoding writes all of them.
    pub generated: usize,
    /// The ratio of the perplexity on the built-in text to that before.
    pub perplexity: f64,
    /// `‖ΔW‖ / ‖W‖` of each edited weight.
    pub relative_norms: Vec<f64>,
    /// The time that the edits took, in seconds.
    pub seconds: f64,
}
