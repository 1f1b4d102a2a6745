//! The settings of a method, as a record keeps them.

use serde::{Deserialize, Serialize};

use super::rome::RomeConfig;

/// The settings of a method, beside its name in a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MethodSettings {
    /// Settings of ROME.
    Rome(RomeConfig),
    /// Settings of another method.
    Other(serde_json::Value),
}

impl MethodSettings {
    /// The settings of ROME, if they are.
    pub fn rome(&self) -> Option<&RomeConfig> {
        match self {
            Self::Rome(config) => Some(config),
            Self::Other(_) => None,
        }
    }
}
