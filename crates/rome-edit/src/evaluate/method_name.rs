//! The methods of this crate by name.

use std::fmt;

use rome_core::method::{FineTuning, FineTuningConfig, Unedited};
use rome_core::{EditMethod, Rome, RomeConfig, Variant};

use super::candidate::Candidate;

/// A method of this crate, by the name that tables give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodName {
    /// `unedited`: the model as it is.
    Unedited,
    /// `ft`: fine-tuning of the weight that ROME edits first.
    FineTuning,
    /// `ft-l`: the same, with every weight kept near its start.
    ConstrainedFineTuning,
    /// `rome`: ROME in the variant of the settings.
    Rome,
    /// `mean-key`: ROME in [that variant](Variant::MeanKey).
    MeanKey,
    /// `r-rome`: ROME in [that variant](Variant::RRome).
    RRome,
    /// `p-rome`: ROME in [that variant](Variant::PRome).
    PRome,
}

impl MethodName {
    /// All methods.
    pub const ALL: [Self; 7] = [
        Self::Unedited,
        Self::FineTuning,
        Self::ConstrainedFineTuning,
        Self::Rome,
        Self::MeanKey,
        Self::RRome,
        Self::PRome,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unedited => "unedited",
            Self::FineTuning => "ft",
            Self::ConstrainedFineTuning => "ft-l",
            Self::Rome => "rome",
            Self::MeanKey => "mean-key",
            Self::RRome => "r-rome",
            Self::PRome => "p-rome",
        }
    }

    /// The method with the settings of ROME: the baselines train the first of its layers, the variants share
    /// all else.
    pub fn candidate(self, config: &RomeConfig) -> Candidate {
        // Settings without a layer are refused by whoever edits by them.
        let layer = config.layers.first().copied().unwrap_or_default();
        let rome = |variant| Box::new(Rome::new(RomeConfig { variant, ..config.clone() }));
        let method: Box<dyn EditMethod> = match self {
            Self::Unedited => Box::new(Unedited),
            Self::FineTuning => Box::new(FineTuning::new(FineTuningConfig::new(layer))),
            Self::ConstrainedFineTuning => Box::new(FineTuning::new(FineTuningConfig::constrained(layer))),
            Self::Rome => rome(config.variant),
            Self::MeanKey => rome(Variant::MeanKey),
            Self::RRome => rome(Variant::RRome),
            Self::PRome => rome(Variant::PRome),
        };
        Candidate::new(self.name(), method)
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
