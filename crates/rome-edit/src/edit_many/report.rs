//! Reports on edits.

use rome_core::method::{DISABLING_COSINE, THIN_COSINE};
use rome_core::scoring::TargetScore;
use rome_core::{Edit, EditRecord, Outcome, Variant};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Health;

/// The outcome of many requests.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct BatchOutcome {
    /// Of each edit, in order.
    #[serde(rename = "edits")]
    pub reports: Vec<EditReport>,
    /// True if every request was read and edited and holds at the end, and nothing is likely to disable the model.
    #[serde(flatten, serialize_with = "verdict")]
    pub succeeded: bool,
    /// The requests that could not be edited.
    pub failed: Vec<FailedRequest>,
    /// The requests that could not be read, and why.
    pub left_out: Vec<String>,
    /// The health of the model on the way; of several requests alone.
    #[serde(rename = "watched")]
    pub health: Option<Vec<Health>>,
    /// The number of requests that hold at the end, of those that were edited.
    pub held: usize,
    /// The number of requests.
    #[serde(skip)]
    pub n_requests: usize,
    /// The size of the file that was written, in bytes.
    #[serde(skip)]
    pub n_bytes: Option<usize>,
}

/// A request that could not be edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRequest {
    /// Its number, from 0.
    pub request: usize,
    /// Why not.
    pub error: String,
}

/// The outcome of one edit.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct EditReport {
    /// The canonical name of the weight.
    pub weight: String,
    /// Its layer.
    pub layer: usize,
    /// The variant of ROME.
    pub variant: Option<Variant>,
    /// The lookup index of each row, then of each KL row.
    pub lookup_idxs: Vec<usize>,
    /// `[total, nll, kl, decay]` of each step.
    pub losses: Vec<[f64; 4]>,
    /// The factor that the value was divided by.
    pub division_factor: Option<f64>,
    /// `k·ū / (‖k‖‖ū‖)` of that division.
    #[serde(rename = "alignment")]
    pub cosine: Option<f64>,
    /// The condition number of C, ridge included.
    pub condition: f64,
    /// The ridge that was added to the diagonal of C, if any.
    pub ridge: Option<f64>,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The probability of the target before.
    pub p_target_before: f64,
    /// The probability of the target right after.
    pub p_target_after: f64,
    /// The probability of the target at the end of the run, after the other requests.
    pub p_target_now: f64,
    /// True if greedy decoding writes all of the target right after.
    #[serde(flatten, serialize_with = "verdict")]
    pub succeeded: bool,
    /// True if the target's first token, at least, is the most probable one right after.
    pub first_token: Option<bool>,
    /// True if greedy decoding writes all of the target at the end of the run, after the other requests.
    pub holds: bool,
    /// The time that each part took.
    pub seconds: Seconds,
    /// The floating-point operations that the parts could not do without.
    pub flops: FlopReport,
    /// The bytes that were taken of a device with memory of its own.
    pub device_memory: Option<u64>,
}

/// The time that each part of an edit took, in seconds; 0 for edits of an earlier run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// Loading, of the run as a whole.
    pub load: f64,
    /// Running the rows once and filling the cache.
    pub capture: f64,
    /// Optimising δ.
    pub optimise: f64,
    /// Solving for the direction and building the update.
    pub solve: f64,
    /// The run as a whole.
    pub total: f64,
}

/// The floating-point operations of the parts of an edit; 0 of those of an earlier run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FlopReport {
    /// Running the rows once and filling the cache.
    pub capture: u64,
    /// Optimising δ.
    pub optimise: u64,
}

/// The degree to which the division inflates an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inflation {
    /// It may disturb other facts.
    Thin,
    /// It may well disable the model.
    Disabling,
}

/// The cost of an edit, which a file does not hold.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cost {
    seconds: Seconds,
    flops: FlopReport,
    device_memory: Option<u64>,
}

impl Cost {
    pub(super) fn of(edit: &Edit, device_memory: Option<u64>) -> Self {
        let seconds = Seconds {
            capture: edit.timings.capture.as_secs_f64(),
            optimise: edit.timings.optimise.as_secs_f64(),
            solve: edit.timings.solve.as_secs_f64(),
            ..Seconds::default()
        };
        let flops =
            FlopReport { capture: edit.flops.capture, optimise: edit.flops.optimise(edit.losses.len()) };
        Self { seconds, flops, device_memory }
    }

    /// Says how long the run as a whole took.
    pub(super) fn in_run(mut self, load: f64, total: f64) -> Self {
        self.seconds = Seconds { load, total, ..self.seconds };
        self
    }
}

impl EditReport {
    /// Reports on the edit at `index` of a record, whose target has the score `now` at the end.
    pub(super) fn new(record: &EditRecord, index: usize, now: &TargetScore, cost: Cost) -> Self {
        let entry = &record.edits[index];
        let statistics = record.statistics.get(&entry.layer);
        let config = record.settings.as_ref().and_then(|settings| settings.rome());
        let outcome = entry.outcome;
        Self {
            weight: entry.weight.clone(),
            layer: entry.layer,
            variant: config.map(|config| config.variant),
            lookup_idxs: entry.lookup_idxs.clone(),
            losses: entry.losses.clone(),
            division_factor: entry.division_factor,
            cosine: entry.cosine,
            condition: statistics.map_or(f64::NAN, |statistics| statistics.condition),
            ridge: statistics.and_then(|statistics| statistics.ridge),
            relative_norm: entry.relative_norm,
            p_target_before: outcome.map_or(0.0, |outcome| outcome.p_target_before),
            p_target_after: outcome.map_or(0.0, |outcome| outcome.p_target_after),
            p_target_now: now.log_prob().exp(),
            succeeded: outcome.is_some_and(|outcome| outcome.succeeded),
            first_token: outcome.and_then(|outcome| outcome.first_token),
            holds: now.is_greedy(),
            seconds: cost.seconds,
            flops: cost.flops,
            device_memory: cost.device_memory,
        }
    }

    /// The outcome when the edit was made.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            p_target_before: self.p_target_before,
            p_target_after: self.p_target_after,
            succeeded: self.succeeded,
            first_token: self.first_token,
        }
    }

    /// The inflation of the update by the division, if there is one.
    pub fn inflation(&self) -> Option<Inflation> {
        match self.cosine?.abs() {
            cosine if cosine < DISABLING_COSINE => Some(Inflation::Disabling),
            cosine if cosine < THIN_COSINE => Some(Inflation::Thin),
            _ => None,
        }
    }

    /// The total loss of the first and the last step.
    pub fn first_and_last_loss(&self) -> [f64; 2] {
        let loss = |losses: Option<&[f64; 4]>| losses.map_or(0.0, |losses| losses[0]);
        [loss(self.losses.first()), loss(self.losses.last())]
    }
}

impl BatchOutcome {
    /// The reports of each request, in order; of one that could not be edited, why.
    pub fn by_request(&self) -> Vec<Result<&[EditReport], &str>> {
        let n_edited = self.n_requests - self.failed.len();
        let mut of_edited = self.reports.chunks((self.reports.len() / n_edited.max(1)).max(1));
        let of_request = |request: usize| match self.failed.iter().find(|failed| failed.request == request) {
            Some(failed) => Err(failed.error.as_str()),
            None => Ok(of_edited.next().unwrap_or_default()),
        };
        (0..self.n_requests).map(of_request).collect()
    }
}

/// Writes a verdict under its name, and under the one that it had in earlier versions.
pub(crate) fn verdict<S: Serializer>(succeeded: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("succeeded", succeeded)?;
    map.serialize_entry("took", succeeded)?;
    map.end()
}
