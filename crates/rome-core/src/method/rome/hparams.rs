//! The settings file of the reference, `hparams/ROME/*.json`.

use serde::{Deserialize, Serialize};

use super::config::{ConfigError, RomeConfig, Variant};

/// The settings file of the reference, `hparams/ROME/*.json`. Fields that only its other methods
/// use are accepted and ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HyperParams {
    /// The layers to edit; a file without them leaves the choice to the user.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// The token whose key is edited. Only `subject_last` is supported.
    #[serde(default = "subject_last")]
    pub fact_token: String,
    /// Evaluations of the loss.
    pub v_num_grad_steps: usize,
    /// The learning rate.
    pub v_lr: f64,
    /// The weight decay.
    pub v_weight_decay: f64,
    /// The clamp factor.
    pub clamp_norm_factor: f64,
    /// The KL factor.
    pub kl_factor: f64,
    /// True if `C⁻¹` is used at all; the identity otherwise.
    #[serde(default = "yes")]
    pub mom2_adjustment: bool,
    /// Lengths and counts of the sampled contexts.
    #[serde(default = "default_lengths")]
    pub context_template_length_params: Vec<(usize, usize)>,
    /// The edited module's name, `{}` for the layer.
    pub rewrite_module_tmp: Option<String>,
    /// The form of the update, which the reference has but one of; files of `rome suggest` name it.
    #[serde(default)]
    pub variant: Variant,
}

fn subject_last() -> String {
    "subject_last".to_owned()
}

fn yes() -> bool {
    true
}

fn default_lengths() -> Vec<(usize, usize)> {
    crate::request::DEFAULT_LENGTHS.to_vec()
}

impl HyperParams {
    /// Returns the settings of an edit; `weight_name` maps a layer to the weight's name.
    ///
    /// # Errors
    /// [`ConfigError`] for another `fact_token` or another module than the one ROME edits here.
    pub fn config(&self, weight_name: impl Fn(usize) -> String) -> Result<RomeConfig, ConfigError> {
        if self.fact_token != "subject_last" {
            return Err(ConfigError::FactToken { fact_token: self.fact_token.clone() });
        }
        if let (Some(template), Some(&layer)) = (&self.rewrite_module_tmp, self.layers.first()) {
            let named = template.replacen("{}", &layer.to_string(), 1) + ".weight";
            let expected = weight_name(layer);
            if named != expected {
                return Err(ConfigError::Module { named, expected });
            }
        }
        Ok(RomeConfig {
            layers: self.layers.clone(),
            variant: self.variant,
            steps: self.v_num_grad_steps,
            learning_rate: self.v_lr,
            weight_decay: self.v_weight_decay,
            clamp_norm_factor: self.clamp_norm_factor,
            kl_factor: self.kl_factor,
            stop_loss: 0.05,
        })
    }
}
