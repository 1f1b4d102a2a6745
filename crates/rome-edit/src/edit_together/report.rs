//! Reports on facts that were edited together.

use rome_core::edit::EditEntry;
use rome_core::{EditPart, FactEntry, Request};
use serde::Serialize;

use crate::edit_many::report::verdict;
use crate::edit_many::{FailedRequest, Health};

/// The outcome of facts that were edited together.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TogetherOutcome {
    /// The method.
    pub method: String,
    /// True if all facts were read and hold, and the model has not collapsed.
    #[serde(flatten, serialize_with = "verdict")]
    pub succeeded: bool,
    /// The number of facts that hold with all others: greedy decoding writes all of their targets.
    pub held: usize,
    /// The number of facts.
    pub n_facts: usize,
    /// Of each fact, in order.
    pub facts: Vec<FactReport>,
    /// Of each weight, batch after batch.
    pub weights: Vec<WeightReport>,
    /// The requests that could not be edited.
    pub failed: Vec<FailedRequest>,
    /// The requests that could not be read, and why.
    pub left_out: Vec<String>,
    /// The health of the model afterwards.
    pub health: Health,
    /// The time that each part took.
    pub seconds: TogetherSeconds,
    /// The size of the file that was written, in bytes.
    #[serde(skip)]
    pub n_bytes: Option<usize>,
}

/// The outcome of a fact.
#[derive(Debug, Clone, Serialize)]
pub struct FactReport {
    /// The request.
    pub request: Request,
    /// The number of steps that its value took.
    pub steps: usize,
    /// `[total, nll, kl, decay]` of the last step.
    pub loss: [f64; 4],
    /// `‖z − h‖ / ‖h‖`
    pub relative_change: f64,
    /// The share that it got of what it missed, of each layer.
    pub shares: Vec<f64>,
    /// The probability of the target before.
    pub p_target_before: f64,
    /// The probability of the target with all facts on.
    pub p_target_now: f64,
    /// True if greedy decoding writes all of the target.
    pub holds: bool,
    /// True if the target's first token, at least, is the most probable one.
    pub first_token: Option<bool>,
}

/// The change of a weight.
#[derive(Debug, Clone, Serialize)]
pub struct WeightReport {
    /// Its canonical name.
    pub weight: String,
    /// Its layer.
    pub layer: usize,
    /// The number of terms of the update; 0 if all its values are stored.
    pub rank: usize,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The condition number of C, ridge included.
    pub condition: Option<f64>,
}

/// The time of the parts, in seconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct TogetherSeconds {
    /// Loading.
    pub load: f64,
    /// Finding and factoring C.
    pub statistics: f64,
    /// Computing values.
    pub values: f64,
    /// Keys, states and updates.
    pub solve: f64,
    /// The run as a whole.
    pub total: f64,
}

/// The comparison of the value of a fact with itself, computed anew.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedValue {
    /// The request, on one line.
    pub request: String,
    /// True if it has the same bytes.
    pub equal: bool,
    /// The cosine of the two.
    pub cosine: f64,
}

impl FactReport {
    pub(super) fn new(fact: &FactEntry) -> Self {
        let outcome = fact.outcome;
        Self {
            request: fact.request.clone(),
            steps: fact.steps,
            loss: fact.loss,
            relative_change: fact.relative_change,
            shares: fact.shares.clone(),
            p_target_before: outcome.map_or(0.0, |outcome| outcome.p_target_before),
            p_target_now: outcome.map_or(0.0, |outcome| outcome.p_target_after),
            holds: outcome.is_some_and(|outcome| outcome.succeeded),
            first_token: outcome.and_then(|outcome| outcome.first_token),
        }
    }
}

impl WeightReport {
    pub(super) fn of(part: &EditPart) -> Vec<Self> {
        let report = |entry: &EditEntry| Self {
            weight: entry.weight.clone(),
            layer: entry.layer,
            rank: entry.rank.unwrap_or(1),
            relative_norm: entry.relative_norm,
            condition: part.record.statistics.get(&entry.layer).map(|statistics| statistics.condition),
        };
        part.record.edits.iter().map(report).collect()
    }
}
