//! The settings of an edit.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::{ErrorKind, Hint};
use crate::model::ModelShape;

/// The key that the update is built on and the key that it is divided by.
///
/// With `ū = C⁻¹ k̄` over the contexts, `k_c` the key of the unprefixed prompt and δ the
/// optimised change of the value:
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// `ū (v* − out_c)ᵀ / (k_c·ū)`: maps `k_c` to `v*` (kmeng01/rome, EasyEdit, FastEdit).
    #[default]
    Reference,
    /// `ū δᵀ / (k̄·ū)`: maps `k̄` to `v̄ + δ` (zkl-knowedit-rome, kmeng01/rome PR 44). The mean
    /// output over the contexts sets the scale of decay and clamp.
    MeanKey,
    /// `ū (v* − v̄)ᵀ / (k̄·ū)`: maps `k̄` to `v*` (rebuilding-rome).
    RRome,
    /// `C⁻¹k_c δᵀ / (k_c·C⁻¹k_c)`: maps `k_c` to `v_c + δ` (rebuilding-rome, prompt keys).
    PRome,
}

impl Variant {
    /// All variants.
    pub const ALL: [Self; 4] = [Self::Reference, Self::MeanKey, Self::RRome, Self::PRome];

    /// Its name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::MeanKey => "mean-key",
            Self::RRome => "r-rome",
            Self::PRome => "p-rome",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Variant {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        let variant = Self::ALL.into_iter().find(|variant| variant.name() == name);
        variant.ok_or_else(|| ConfigError::Variant { name: name.to_owned() })
    }
}

/// Adam has long settled by then.
const MOST_STEPS: usize = 1_000_000;

/// The settings of one edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RomeConfig {
    /// The layers to edit, in order.
    pub layers: Vec<usize>,
    /// The form of the update.
    pub variant: Variant,
    /// Evaluations of the loss at most. The last one is not followed by an update, except in
    /// [`Variant::MeanKey`], which counts updates.
    pub steps: usize,
    /// The learning rate of Adam.
    pub learning_rate: f64,
    /// The factor of `‖δ‖ / ‖target_init‖²` in the loss.
    pub weight_decay: f64,
    /// δ is kept within this factor times the norm of the value it is added to.
    pub clamp_norm_factor: f64,
    /// The factor of the KL term over the KL prompts.
    pub kl_factor: f64,
    /// Optimisation stops below this loss.
    pub stop_loss: f64,
}

impl RomeConfig {
    /// The published settings of GPT-2 XL and GPT-J, at one layer.
    pub fn new(layer: usize) -> Self {
        Self {
            layers: vec![layer],
            variant: Variant::Reference,
            steps: 20,
            learning_rate: 0.5,
            weight_decay: 0.5,
            clamp_norm_factor: 4.0,
            kl_factor: 0.0625,
            stop_loss: 0.05,
        }
    }

    /// Checks the settings against a model.
    ///
    /// # Errors
    /// [`ConfigError`] for a layer that the model lacks, no layer at all, the same layer twice,
    /// no step, or a factor that is negative or not a number.
    pub fn check(&self, shape: &ModelShape) -> Result<(), ConfigError> {
        if self.layers.is_empty() {
            return Err(ConfigError::NoLayer);
        }
        for (index, &layer) in self.layers.iter().enumerate() {
            if layer >= shape.n_layers {
                return Err(ConfigError::Layer { layer, n_layers: shape.n_layers });
            }
            if self.layers[..index].contains(&layer) {
                return Err(ConfigError::LayerTwice { layer });
            }
        }
        if self.steps == 0 || self.steps > MOST_STEPS {
            return Err(ConfigError::Range { name: "number of steps", value: self.steps as f64 });
        }
        for (name, value) in [
            ("learning rate", self.learning_rate),
            ("weight decay", self.weight_decay),
            ("clamp factor", self.clamp_norm_factor),
            ("KL factor", self.kl_factor),
            ("stop loss", self.stop_loss),
        ] {
            if !value.is_finite() || value < 0.0 {
                return Err(ConfigError::Range { name, value });
            }
        }
        Ok(())
    }
}

/// Settings that make no sense for a model.
#[derive(Debug, Clone, Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// No layer is given.
    #[error("no layer to edit is given")]
    NoLayer,
    /// The model has no such layer.
    #[error("layer {layer} does not exist: the model has layers 0 to {}", .n_layers - 1)]
    Layer {
        /// The layer asked for.
        layer: usize,
        /// The number of layers.
        n_layers: usize,
    },
    /// A layer is named twice.
    #[error("layer {layer} is named twice")]
    LayerTwice {
        /// The layer.
        layer: usize,
    },
    /// A number is out of range.
    #[error("the {name} cannot be {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// No variant is called this.
    #[error("{name:?} is not a variant of ROME")]
    Variant {
        /// The name that was given.
        name: String,
    },
    /// The settings file asks for another token than the subject's last.
    #[error("fact_token {fact_token:?} is not supported: only \"subject_last\" is")]
    FactToken {
        /// The value in the file.
        fact_token: String,
    },
    /// The settings file is for another method.
    #[error("the settings are those of another method than ROME: they have {by}")]
    OtherMethod {
        /// The field that tells.
        by: String,
    },
    /// The settings file chooses two variants.
    #[error("the settings turn on {} and {}, which exclude each other", .switches[0], .switches[1])]
    TwoVariants {
        /// The switches.
        switches: [&'static str; 2],
    },
    /// The settings file is for another architecture.
    #[error("the settings are for {named}, but this model's edited weight is {expected}")]
    Module {
        /// The weight that the file names.
        named: String,
        /// The weight of the model.
        expected: String,
    },
}

impl Hint for ConfigError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::NoLayer | Self::Layer { .. } | Self::LayerTwice { .. } => {
                "choose layers of the model, counted from 0"
            }
            Self::Range { .. } => "use a finite number, 0 or above, and at least one step",
            Self::Variant { .. } => "give reference, mean-key, r-rome or p-rome",
            Self::FactToken { .. } => "set \"fact_token\": \"subject_last\", as all published settings do",
            Self::OtherMethod { .. } => {
                "give settings of ROME, such as hparams/ROME/gpt2-xl.json of kmeng01/rome"
            }
            Self::TwoVariants { .. } => "turn one of them off",
            Self::Module { .. } => "use the settings file of this model's family",
        };
        hint.into()
    }
}
