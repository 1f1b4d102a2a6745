//! Settings files of MEMIT, AlphaEdit, EMMET and EasyEdit.

use serde::{Deserialize, Deserializer};

use super::config::{MassConfig, MassMethod};
use super::error::MassError;
use crate::statistics::NullSpaceBound;

/// A settings file of `hparams/MEMIT`, `hparams/AlphaEdit` or `hparams/EMMET`: what of it counts here.
///
/// The fields do not tell the method: those of AlphaEdit have λ, too. Only EasyEdit names it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MassHyperParams {
    /// The layers to edit.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// The token whose key is edited. Only `subject_last` is supported.
    pub fact_token: Option<String>,
    /// Evaluations of the loss.
    #[serde(deserialize_with = "count")]
    pub v_num_grad_steps: usize,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub v_lr: f64,
    /// The layer that the loss is read at: the last one.
    pub v_loss_layer: Option<usize>,
    /// The weight decay.
    #[serde(deserialize_with = "number")]
    pub v_weight_decay: f64,
    /// The clamp factor.
    #[serde(deserialize_with = "number")]
    pub clamp_norm_factor: f64,
    /// The KL factor.
    #[serde(deserialize_with = "number")]
    pub kl_factor: f64,
    /// λ of MEMIT.
    #[serde(default, deserialize_with = "optional_number")]
    pub mom2_update_weight: Option<f64>,
    /// λ of EMMET.
    #[serde(default, deserialize_with = "optional_number")]
    pub update_norm_lambda: Option<f64>,
    /// μ of EMMET.
    #[serde(default, deserialize_with = "optional_number")]
    pub emmet_lambda: Option<f64>,
    /// The bound of the null space of AlphaEdit.
    #[serde(default, deserialize_with = "optional_number")]
    pub nullspace_threshold: Option<f64>,
    /// The ridge of AlphaEdit.
    #[serde(default, rename = "L2", deserialize_with = "optional_number")]
    pub ridge: Option<f64>,
    /// The stop of ENCORE, the number of evaluations below zero.
    #[serde(default, deserialize_with = "optional_number")]
    pub prob_cutoff: Option<f64>,
    /// β of ENCORE.
    #[serde(default, deserialize_with = "optional_number")]
    pub lambda_reg: Option<f64>,
    /// The edited module's name, `{}` for the layer.
    pub rewrite_module_tmp: Option<String>,
    /// The method, in EasyEdit's files.
    pub alg_name: Option<String>,
}

impl MassHyperParams {
    /// Returns the settings of a method; `weight_name` maps a layer to the weight's name, and `n_layers` is the
    /// number of the model's.
    ///
    /// # Errors
    /// [`MassError`] for another method, `fact_token`, module or loss layer than the ones supported here.
    pub fn config(
        &self,
        method: MassMethod,
        n_layers: usize,
        weight_name: impl Fn(usize) -> String,
    ) -> Result<MassConfig, MassError> {
        if let Some(name) = &self.alg_name {
            let theirs = name.to_lowercase();
            let is_ours = theirs == method.name() || (theirs == "memit" && method == MassMethod::MemitSeq);
            if !is_ours {
                return Err(MassError::OtherMethod { theirs: name.clone(), ours: method.to_string() });
            }
        }
        if let Some(fact_token) = self.fact_token.as_ref().filter(|token| *token != "subject_last") {
            return Err(MassError::FactToken { fact_token: fact_token.clone() });
        }
        if let (Some(template), Some(&layer)) = (&self.rewrite_module_tmp, self.layers.first()) {
            let named = template.replacen("{}", &layer.to_string(), 1) + ".weight";
            let expected = weight_name(layer);
            if named != expected {
                return Err(MassError::Module { named, expected });
            }
        }
        let last = n_layers - 1;
        if let Some(layer) = self.v_loss_layer.filter(|&layer| layer != last) {
            return Err(MassError::LossLayer { layer, last });
        }
        let usual = MassConfig::new(method, self.layers.clone());
        let (weight, norm_weight) = match method {
            // Their λ is the weight of C, and their norm's the other.
            MassMethod::Emmet => (self.mom2_update_weight, self.update_norm_lambda.unwrap_or(0.0)),
            _ => (self.mom2_update_weight, self.lambda_reg.unwrap_or(0.0)),
        };
        Ok(MassConfig {
            steps: self.v_num_grad_steps,
            learning_rate: self.v_lr,
            weight_decay: self.v_weight_decay,
            clamp_norm_factor: self.clamp_norm_factor,
            kl_factor: self.kl_factor,
            stop_first: self.prob_cutoff.filter(|&cutoff| cutoff < 0.0).map(|cutoff| -cutoff as usize),
            covariance_weight: weight.unwrap_or(usual.covariance_weight),
            norm_weight,
            slack: self.emmet_lambda.filter(|_| method == MassMethod::Emmet).unwrap_or(usual.slack),
            null_space: self.nullspace_threshold.map_or(usual.null_space, NullSpaceBound::Threshold),
            ridge: self.ridge.unwrap_or(usual.ridge),
            ..usual
        })
    }
}

/// A number, or text that is one: YAML 1.1 takes `5e-1` for text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    optional_number(deserializer)?.ok_or_else(|| serde::de::Error::custom("a number is missing"))
}

fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(f64),
        Text(String),
    }
    match Option::<Number>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Number::Number(number)) => Ok(Some(number)),
        Some(Number::Text(text)) => {
            let number = text.trim().parse();
            number.map(Some).map_err(|_| serde::de::Error::custom(format!("{text:?} is no number")))
        }
    }
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = number(deserializer)?;
    if number.fract() == 0.0 && (0.0..1e9).contains(&number) {
        Ok(number as usize)
    } else {
        Err(serde::de::Error::custom(format!("{number} is no count")))
    }
}
