//! The record of an edit: its origin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use crate::method::MethodSettings;
use crate::model::{ModelHash, Precision};
use crate::request::{Context, KlPrompt, Request};
use crate::scoring::Answer;

/// The version of the format that this crate writes.
pub const FORMAT_VERSION: u32 = 1;

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
}

impl EditRecord {
    /// Starts the record of edits that `made_by` takes from elsewhere.
    pub fn imported(made_by: &str, model_hash: ModelHash, from: &str) -> Self {
        Self { imported_from: Some(from.to_owned()), ..Self::new(made_by, model_hash) }
    }

    /// Starts the record of edits that `made_by` makes of a model. It says nothing yet of how.
    pub fn new(made_by: &str, model_hash: ModelHash) -> Self {
        Self {
            format_version: FORMAT_VERSION,
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
        }
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
        edits_are && of_statistics.all(f64::is_finite)
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

/// One edit: a request at a layer.
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
