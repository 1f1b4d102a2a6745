//! The record of an edit: its origin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use crate::method::MethodSettings;
use crate::model::{ModelHash, Precision};
use crate::request::{Context, KlPrompt, Request};
use crate::scoring::Answer;
use crate::statistics::Route;

/// The latest version of the format, which files with facts edited together have.
pub const FORMAT_VERSION: u32 = 2;

/// The version of files whose edits are each of rank one.
pub(super) const RANK_ONE_VERSION: u32 = 1;

/// Everything that determined the edits that were made in one go.
///
/// Of edits that come [from elsewhere](Self::imported) it says only what is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditRecord {
    /// The version of the format.
    pub format_version: u32,
    /// The version of the program that made it.
    pub made_by: String,
    /// The hash of the model it was made for.
    pub model_hash: ModelHash,
    /// The repository of the model on the hub and its commit, `owner/model@commit`, if it came from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// The file that edits from elsewhere were taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
    /// The hashes of the files of edits that were on the model already, in order.
    #[serde(default)]
    pub on_top_of: Vec<String>,
    /// The method.
    #[serde(default = "rome", skip_serializing_if = "is_rome")]
    pub method: String,
    /// The settings of the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<MethodSettings>,
    /// The contexts, exactly as used.
    #[serde(default)]
    pub contexts: Vec<Context>,
    /// The KL prompts.
    #[serde(default, rename = "preservations")]
    pub kl_prompts: Vec<KlPrompt>,
    /// The seed of the contexts, if they were sampled.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The data type of the model's matrices.
    #[serde(default)]
    pub precision: Precision,
    /// The environment that computed them; nothing for edits from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The second moment of each layer.
    #[serde(default)]
    pub statistics: BTreeMap<usize, StatisticsRecord>,
    /// The edits in the order they were made.
    pub edits: Vec<EditEntry>,
    /// The facts, in order, if they were edited together: each edit is of all of them, or of a batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<FactEntry>,
    /// True if the values of the facts are kept with them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_values: bool,
    /// The sizes of the batches of facts, in order; one of all if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<usize>,
    /// The sizes of the groups of contexts whose mean keys weigh the same, in order, if they are grouped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context_groups: Vec<usize>,
}

impl EditRecord {
    /// Starts the record of edits that `made_by` takes from elsewhere.
    pub fn imported(made_by: &str, model_hash: ModelHash, from: &str) -> Self {
        Self { imported_from: Some(from.to_owned()), ..Self::new(made_by, model_hash) }
    }

    /// Starts the record of edits that `made_by` makes of a model. It says nothing yet of how.
    pub fn new(made_by: &str, model_hash: ModelHash) -> Self {
        Self {
            format_version: RANK_ONE_VERSION,
            made_by: made_by.to_owned(),
            model_hash,
            hub: None,
            imported_from: None,
            on_top_of: Vec::new(),
            method: rome(),
            settings: None,
            contexts: Vec::new(),
            kl_prompts: Vec::new(),
            seed: None,
            precision: Precision::F32,
            environment: None,
            statistics: BTreeMap::new(),
            edits: Vec::new(),
            facts: Vec::new(),
            keeps_values: false,
            batches: Vec::new(),
            context_groups: Vec::new(),
        }
    }

    /// The requests in order, each once; none of edits from elsewhere.
    pub fn requests(&self) -> Vec<&Request> {
        let mut requests: Vec<&Request> =
            self.edits.iter().filter_map(|edit| edit.request.as_ref()).collect();
        requests.dedup();
        requests.extend(self.facts.iter().map(|fact| &fact.request));
        requests
    }

    /// True if every number is one that JSON can hold.
    pub(crate) fn is_finite(&self) -> bool {
        let statistics = self.statistics.values();
        let mut of_statistics = statistics.flat_map(|used| [Some(used.condition), used.ridge]).flatten();
        let edits_are = self.edits.iter().all(|edit| {
            let losses = edit.losses.iter().flatten().copied();
            let outcome = edit.outcome.map(|outcome| [outcome.p_target_before, outcome.p_target_after]);
            let optional = [edit.division_factor, edit.cosine].into_iter().flatten();
            let others = optional.chain(outcome.into_iter().flatten());
            losses.chain(others).chain([edit.relative_norm, edit.scale]).all(f64::is_finite)
        });
        let facts_are = self.facts.iter().all(|fact| {
            let outcome = fact.outcome.map(|outcome| [outcome.p_target_before, outcome.p_target_after]);
            let numbers =
                fact.loss.into_iter().chain(fact.shares.iter().copied()).chain([fact.relative_change]);
            numbers.chain(outcome.into_iter().flatten()).all(f64::is_finite)
        });
        edits_are && facts_are && of_statistics.all(f64::is_finite)
    }
}

/// The second moment that edits of a layer were made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsRecord {
    /// The source of the sums, with a hash of them; `identity` if there was none.
    pub source: String,
    /// The condition number of C, ridge included.
    pub condition: f64,
    /// The ridge that was added to the diagonal of C, if any.
    pub ridge: Option<f64>,
}

/// A fact that was edited together with others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactEntry {
    /// The request.
    pub request: Request,
    /// The lookup index of each row, then of each KL row.
    #[serde(default)]
    pub lookup_idxs: Vec<usize>,
    /// The number of steps that its value took.
    #[serde(default)]
    pub steps: usize,
    /// `[total, nll, kl, decay]` of the last step; zeros of a value that was given.
    #[serde(default)]
    pub loss: [f64; 4],
    /// `‖z − h‖ / ‖h‖`, how far its value is from what the model had.
    #[serde(default)]
    pub relative_change: f64,
    /// The share that it got of what it missed, of each layer.
    #[serde(default)]
    pub shares: Vec<f64>,
    /// The outcome, with all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// One edit: a request at a layer, or many together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditEntry {
    /// The request; unknown of an edit from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The canonical name of the edited weight.
    pub weight: String,
    /// Its layer.
    pub layer: usize,
    /// BLAKE3 of the weight's bytes as the checkpoint stores them, before any edit, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_hash: Option<String>,
    /// The lookup index of each row, then of each KL row.
    #[serde(default)]
    pub lookup_idxs: Vec<usize>,
    /// `[total, nll, kl, decay]` of each step.
    #[serde(default)]
    pub losses: Vec<[f64; 4]>,
    /// The factor that the value was divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division_factor: Option<f64>,
    /// `k·ū / (‖k‖‖ū‖)` of that division.
    #[serde(default, rename = "alignment", skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// The number of its terms if there are several, 0 if all values of the difference are stored; nothing of
    /// an edit of rank one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The system that its update was solved by, if it is of many facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The factor that the update was multiplied by since it was computed.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f64,
    /// The outcome of the request, with its edits of later layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl EditEntry {
    /// Describes an update that is all that is known of an edit.
    pub fn imported(weight: &str, layer: usize, relative_norm: f64) -> Self {
        Self {
            request: None,
            weight: weight.to_owned(),
            layer,
            weight_hash: None,
            lookup_idxs: Vec::new(),
            losses: Vec::new(),
            division_factor: None,
            cosine: None,
            rank: None,
            route: None,
            relative_norm,
            scale: 1.0,
            outcome: None,
        }
    }
}

/// The outcome of a request, measured on the model that it was computed on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The probability of the target before.
    pub p_target_before: f64,
    /// The probability of the target after.
    pub p_target_after: f64,
    /// True if greedy decoding writes all of the target after. Where `first_token` is `None`, an earlier
    /// version has looked at the first token alone.
    #[serde(rename = "took")]
    pub succeeded: bool,
    /// True if the target's first token, at least, is the most probable one after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token: Option<bool>,
}

impl Outcome {
    /// Takes what a model answers before and after.
    pub fn new(before: Answer, after: Answer) -> Self {
        Self {
            p_target_before: before.probability,
            p_target_after: after.probability,
            succeeded: after.is_greedy,
            first_token: Some(after.is_first),
        }
    }
}

fn rome() -> String {
    "rome".to_owned()
}

fn is_rome(method: &str) -> bool {
    method == "rome"
}

fn one() -> f64 {
    1.0
}

fn is_one(scale: &f64) -> bool {
    *scale == 1.0
}
