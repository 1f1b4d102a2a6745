//! The settings of an edit of many facts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::MassError;
use crate::method::value::ValueSettings;
use crate::model::CausalLm;
use crate::statistics::NullSpaceBound;

/// A method that edits many facts at once, by the [metric](crate::statistics::Metric) that it solves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MassMethod {
    /// Spares the keys of text: `G⁻¹ = λ C` (Meng et al. 2023).
    Memit,
    /// Spares the keys of earlier batches, too.
    MemitSeq,
    /// Changes directions alone that keys of text hardly take, and spares earlier batches (Fang et al. 2025).
    #[serde(rename = "alphaedit")]
    AlphaEdit,
    /// MEMIT with another slack, nearer to equality (Gupta et al. 2024).
    Emmet,
}

impl MassMethod {
    /// All methods.
    pub const ALL: [Self; 4] = [Self::Memit, Self::MemitSeq, Self::AlphaEdit, Self::Emmet];

    /// Its name in files, tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memit => "memit",
            Self::MemitSeq => "memit-seq",
            Self::AlphaEdit => "alphaedit",
            Self::Emmet => "emmet",
        }
    }

    /// True if a batch spares the keys of those before it.
    pub fn spares_past(self) -> bool {
        matches!(self, Self::MemitSeq | Self::AlphaEdit)
    }
}

impl fmt::Display for MassMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MassMethod {
    type Err = MassError;

    fn from_str(name: &str) -> Result<Self, MassError> {
        let method = Self::ALL.into_iter().find(|method| method.name() == name);
        method.ok_or_else(|| MassError::Method { name: name.to_owned() })
    }
}

/// The share of what is missing that a layer takes, of `n` layers that are left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// `1 / n` (MEMIT).
    #[default]
    Linear,
    /// `1 / √n` (PMET).
    Root,
}

/// The settings of an edit of many facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MassConfig {
    /// The method.
    pub method: MassMethod,
    /// The layers to edit, ascending.
    pub layers: Vec<usize>,
    /// Evaluations of the loss at most; the last one is not followed by an update.
    pub steps: usize,
    /// The learning rate of Adam.
    pub learning_rate: f64,
    /// The factor of `‖δ‖ / ‖target_init‖²` in the loss.
    pub weight_decay: f64,
    /// δ is kept within this factor times the norm of the state it is added to.
    pub clamp_norm_factor: f64,
    /// The factor of the KL term over the KL prompts.
    pub kl_factor: f64,
    /// Optimisation stops below this loss.
    pub stop_loss: f64,
    /// It stops, too, once the target has been the most probable one behind every prefix in so many evaluations
    /// (ENCORE: 2 or 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_first: Option<usize>,
    /// λ, the weight of C; AlphaEdit has none.
    pub covariance_weight: f64,
    /// β, the weight of the update's own norm.
    pub norm_weight: f64,
    /// μ, how far equality may be missed. A single fact of EMMET misses nothing.
    pub slack: f64,
    /// The bound of the null space of AlphaEdit.
    pub null_space: NullSpaceBound,
    /// L2, the weight of the update's norm in AlphaEdit.
    pub ridge: f64,
    /// The share of what is missing that each layer takes.
    pub spread: Spread,
}

impl MassConfig {
    /// The published settings of GPT-J, or of EMMET and AlphaEdit there, at some layers.
    pub fn new(method: MassMethod, layers: Vec<usize>) -> Self {
        Self {
            method,
            layers,
            steps: 25,
            learning_rate: 0.5,
            weight_decay: 0.5,
            clamp_norm_factor: 0.75,
            kl_factor: 0.0625,
            stop_loss: 0.05,
            stop_first: None,
            covariance_weight: 15_000.0,
            norm_weight: 0.0,
            slack: if method == MassMethod::Emmet { 0.1 } else { 1.0 },
            null_space: NullSpaceBound::Threshold(0.02),
            ridge: 10.0,
            spread: Spread::Linear,
        }
    }

    /// The settings of the values' optimisation.
    pub fn value_settings(&self) -> ValueSettings {
        ValueSettings {
            evaluations: self.steps,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            clamp_norm_factor: self.clamp_norm_factor,
            kl_factor: self.kl_factor,
            stop_loss: self.stop_loss,
            stop_first: self.stop_first,
        }
    }

    /// μ for a number of facts.
    pub(super) fn slack_of(&self, n_facts: usize) -> f64 {
        if self.method == MassMethod::Emmet && n_facts == 1 { 0.0 } else { self.slack }
    }

    /// Checks the settings against a model.
    ///
    /// # Errors
    /// [`MassError`] for a layer that the model lacks, layers that do not ascend, a block that makes something of
    /// its MLP's output, or a number out of range.
    pub fn check(&self, model: &dyn CausalLm) -> Result<(), MassError> {
        let shape = model.shape();
        if self.layers.is_empty() {
            return Err(MassError::NoLayer);
        }
        for pair in self.layers.windows(2) {
            if pair[1] <= pair[0] {
                return Err(MassError::LayerOrder { layer: pair[1], before: pair[0] });
            }
        }
        for &layer in &self.layers {
            if layer >= shape.n_layers {
                return Err(MassError::Layer { layer, n_layers: shape.n_layers });
            }
            if !model.block(layer).adds_value() {
                return Err(MassError::PostNorm { layer, family: shape.family.clone() });
            }
        }
        let mut positive = vec![("number of steps", self.steps as f64)];
        match self.method {
            MassMethod::AlphaEdit => positive.push(("ridge", self.ridge)),
            _ => positive.push(("weight of C", self.covariance_weight)),
        }
        if self.method != MassMethod::Emmet {
            positive.push(("slack", self.slack));
        }
        match self.null_space {
            NullSpaceBound::Threshold(bound) => positive.push(("threshold of the null space", bound)),
            NullSpaceBound::TraceShare(bound) => positive.push(("share of the null space", bound)),
        }
        let others = [
            ("slack", self.slack),
            ("learning rate", self.learning_rate),
            ("weight decay", self.weight_decay),
            ("clamp factor", self.clamp_norm_factor),
            ("KL factor", self.kl_factor),
            ("stop loss", self.stop_loss),
            ("weight of the norm", self.norm_weight),
        ];
        let is_bad = |value: f64, least: f64| !value.is_finite() || value < least;
        let bad = positive.iter().find(|(_, value)| is_bad(*value, f64::MIN_POSITIVE));
        match bad.or_else(|| others.iter().find(|(_, value)| is_bad(*value, 0.0))) {
            Some(&(name, value)) => Err(MassError::Range { name, value }),
            None => Ok(()),
        }
    }
}
