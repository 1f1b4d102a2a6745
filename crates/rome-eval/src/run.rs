//! The run that made the results of a folder.

use std::path::Path;

use rome_core::{Environment, ModelHash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The run that made the results of a folder. Runs belong together if they differ in nothing but the
/// name, the version of the program and the environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The name of the run in tables.
    pub name: String,
    /// The program and its version.
    pub made_by: String,
    /// The model's hash.
    pub model_hash: ModelHash,
    /// The precision of the model's matrices: f32, f16 or bf16.
    pub precision: String,
    /// The data set.
    pub dataset: String,
    /// The hash of the file of records.
    pub data_hash: String,
    /// The method and its settings.
    pub method: Value,
    /// The hashes of contexts and preservation prompts and what C is over, for methods that have such.
    pub inputs: Value,
    /// The settings of generated text: whether there is any, and the texts that it is compared with.
    pub fluency: Value,
    /// The machine that computed the first result, or those of all folders that were merged; nothing in
    /// a folder of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

impl Run {
    /// The first thing that is different in another run.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let [ours, theirs] = [self, other].map(|run| serde_json::to_value(run).unwrap_or_default());
        let fields = ours.as_object()?.iter();
        let differs = |(name, value): (&String, &Value)| {
            let other = theirs.get(name)?;
            (other != value).then(|| format!("its {name} is {other}, and this one's {value}"))
        };
        fields
            .filter(|(name, _)| !["name", "made_by", "environment"].contains(&name.as_str()))
            .find_map(differs)
    }

    /// Describes a folder that has no description of its own.
    pub(crate) fn unknown(folder: &Path) -> Self {
        Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            made_by: String::new(),
            model_hash: ModelHash::default(),
            precision: String::new(),
            dataset: String::new(),
            data_hash: String::new(),
            method: Value::Null,
            inputs: Value::Null,
            fluency: Value::Null,
            environment: None,
        }
    }
}
