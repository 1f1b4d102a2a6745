//! A method under a name.

use std::fmt;

use rome_core::EditMethod;
use rome_core::method::MethodSettings;
use serde_json::{Map, Value, json};

/// A method with its settings, evaluated under a name beside others.
///
/// Any [`EditMethod`] can be one, yours like ours; [`MethodName`](crate::MethodName) has ours by name.
pub struct Candidate {
    /// The name in tables, and of the folder of its results.
    pub name: String,
    /// The method.
    pub method: Box<dyn EditMethod>,
    /// Limits the method to this many of the session's contexts, the first ones; all of them by default.
    pub n_contexts: Option<usize>,
}

impl Candidate {
    /// Gives a method a name.
    pub fn new(name: impl Into<String>, method: Box<dyn EditMethod>) -> Self {
        Self { name: name.into(), method, n_contexts: None }
    }

    /// The method and its settings, as the description of a run keeps them.
    pub(super) fn describe(&self) -> Value {
        let settings = self.method.settings();
        let is_rome = settings.rome().is_some();
        let mut description = match settings {
            MethodSettings::Other(Value::Object(fields)) => fields,
            MethodSettings::Other(Value::Null) => Map::new(),
            settings => Map::from_iter([("settings".to_owned(), json!(settings))]),
        };
        description.insert("method".to_owned(), json!(self.method.name()));
        if is_rome || self.n_contexts.is_some() {
            description.insert("contexts".to_owned(), json!(self.n_contexts));
        }
        Value::Object(description)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("name", &self.name).field("method", &self.describe()).finish()
    }
}

#[cfg(test)]
mod tests {
    use rome_core::method::{FineTuning, FineTuningConfig, Unedited};
    use rome_core::{Rome, RomeConfig};

    use super::*;

    /// Folders of earlier versions have these descriptions, and are resumed by them.
    #[test]
    fn descriptions_are_those_of_earlier_versions() {
        let describe = |method: Box<dyn EditMethod>| Candidate::new("a", method).describe();
        assert_eq!(describe(Box::new(Unedited)), json!({ "method": "unedited" }));
        assert_eq!(
            describe(Box::new(FineTuning::new(FineTuningConfig::constrained(1)))),
            json!({
                "method": "ft-l", "layer": 1, "steps": 25, "learning_rate": 5e-4, "stop_loss": 1e-2,
                "norm_constraint": 5e-4,
            })
        );
        assert_eq!(
            describe(Box::new(FineTuning::new(FineTuningConfig::new(1))))["norm_constraint"],
            Value::Null
        );
        let rome = || Box::new(Rome::new(RomeConfig::new(3)));
        let settings = json!({
            "layers": [3], "variant": "reference", "steps": 20, "learning_rate": 0.5, "weight_decay": 0.5,
            "clamp_norm_factor": 4.0, "kl_factor": 0.0625, "stop_loss": 0.05,
        });
        assert_eq!(describe(rome()), json!({ "method": "rome", "settings": settings, "contexts": null }));
        let few = Candidate { n_contexts: Some(2), ..Candidate::new("a", rome()) };
        assert_eq!(few.describe()["contexts"], 2);
    }
}
