//! The settings of a method, as a record keeps them.

use serde::{Deserialize, Serialize};

use super::mass::MassConfig;
use super::rome::RomeConfig;

/// The settings of a method, beside its name in a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MethodSettings {
    /// Settings of ROME.
    Rome(RomeConfig),
    /// Settings of a method for many facts.
    Mass(MassConfig),
    /// Settings of another method.
    Other(serde_json::Value),
}

impl MethodSettings {
    /// The settings of ROME, if they are.
    pub fn rome(&self) -> Option<&RomeConfig> {
        match self {
            Self::Rome(config) => Some(config),
            Self::Mass(_) | Self::Other(_) => None,
        }
    }

    /// The settings of a method for many facts, if they are.
    pub fn mass(&self) -> Option<&MassConfig> {
        match self {
            Self::Mass(config) => Some(config),
            Self::Rome(_) | Self::Other(_) => None,
        }
    }
}
