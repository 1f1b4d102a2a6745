//! The outcome of an evaluation.

use std::collections::BTreeMap;

use rome_eval::{Comparison, Results, RunSummary};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::sweep_advice::SweepAdvice;

/// The outcome of an evaluation.
///
/// As JSON, the summary of a single run stands beside the other fields; those of several are under `runs`, by
/// name.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct EvaluationOutcome {
    /// The results of each candidate, in order.
    #[serde(flatten, serialize_with = "summaries")]
    pub runs: Vec<Results>,
    /// The time that each part took; nothing for results that were merged.
    pub seconds: Option<EvaluationSeconds>,
    /// The records that were left out, each with the reason.
    pub left_out: Vec<String>,
    /// The comparison with other results.
    #[serde(rename = "against", skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Advice on each setting that was varied.
    #[serde(skip)]
    pub advice: Vec<SweepAdvice>,
}

/// The time that each part of an evaluation took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EvaluationSeconds {
    /// Loading.
    pub load: f64,
    /// Editing.
    pub edit: f64,
    /// Asking before and after.
    pub ask: f64,
}

fn summaries<S: Serializer>(runs: &[Results], serializer: S) -> Result<S::Ok, S::Error> {
    match runs {
        [run] => run.summary().serialize(serializer),
        runs => {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("runs", &by_name(runs))?;
            map.end()
        }
    }
}

/// The summaries of runs by name.
pub(super) fn by_name(runs: &[Results]) -> BTreeMap<&str, RunSummary> {
    runs.iter().map(|run| (run.run().name.as_str(), run.summary())).collect()
}
