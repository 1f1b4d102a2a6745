//! The settings file of the reference, `hparams/ROME/*.json`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::{ConfigError, RomeConfig, Variant};

/// The settings file of the reference, `hparams/ROME/*.json`: what of it counts here.
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

/// The fields of a settings file, as those of ROME.
#[derive(Debug, Clone, PartialEq)]
pub struct HyperParamFields {
    /// The fields, to be read as [`HyperParams`].
    pub fields: Map<String, Value>,
    /// The names of others that mean nothing here.
    pub unknown: Vec<String>,
}

/// Names of the reference and of EasyEdit that say nothing that is not known otherwise: modules are known by the
/// model's family, statistics and devices are chosen elsewhere.
const IMPLIED: [&str; 18] = [
    "alg_name",
    "attn_module_tmp",
    "device",
    "evaluation_type",
    "fp16",
    "layer_module_tmp",
    "lm_head_module",
    "ln_f_module",
    "max_length",
    "mlp_module_tmp",
    "model_name",
    "model_parallel",
    "mom2_dataset",
    "mom2_dtype",
    "mom2_n_samples",
    "stats_dir",
    "v_loss_layer",
    "api_key",
];

/// Names that only settings of other methods have.
const OF_OTHERS: [&str; 6] =
    ["mom2_update_weight", "layer_selection", "nullspace_threshold", "L2", "lora_type", "num_steps"];

/// The switches of scalable-model-editing/rebuilding-rome, which choose the form of the update.
const ORIGINAL: &str = "original_implementation";
const SWITCHES: [(&str, &str); 2] =
    [("enable_prompt_keys", "p-rome"), ("enable_random_prefix_keys", "r-rome")];

impl HyperParamFields {
    /// Sorts the fields of a settings file, and turns those of other programs into ours. A field that is null
    /// counts as missing.
    ///
    /// # Errors
    /// [`ConfigError::OtherMethod`] when they are settings of another method.
    pub fn new(mut fields: Map<String, Value>) -> Result<Self, ConfigError> {
        fields.retain(|_, value| !value.is_null());
        let other = |by: String| ConfigError::OtherMethod { by };
        let algorithm = fields.get("alg_name").and_then(Value::as_str).map(str::to_owned);
        match algorithm.as_deref() {
            None | Some("ROME") => {}
            Some("R-ROME") => {
                fields.entry("variant").or_insert("r-rome".into());
            }
            Some(name) => return Err(other(format!("\"alg_name\": {name:?}"))),
        }
        if let Some(name) = OF_OTHERS.iter().find(|name| fields.contains_key(**name)) {
            return Err(other(format!("{name:?}")));
        }
        let mut is_on = |name: &str| fields.remove(name) == Some(Value::Bool(true));
        let is_original = is_on(ORIGINAL);
        let chosen = SWITCHES.map(|(name, variant)| is_on(name).then_some(variant));
        match chosen {
            _ if is_original => {}
            [Some(_), Some(_)] => {
                return Err(ConfigError::TwoVariants { switches: SWITCHES.map(|(name, _)| name) });
            }
            [Some(variant), None] | [None, Some(variant)] => {
                fields.entry("variant").or_insert(variant.into());
            }
            [None, None] => {}
        }
        let is_known =
            |name: &String| HyperParams::FIELDS.contains(&name.as_str()) || IMPLIED.contains(&name.as_str());
        let unknown = fields.keys().filter(|name| !is_known(name)).cloned().collect();
        Ok(Self { fields, unknown })
    }
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
    /// The names of the fields.
    pub const FIELDS: [&str; 11] = [
        "layers",
        "fact_token",
        "v_num_grad_steps",
        "v_lr",
        "v_weight_decay",
        "clamp_norm_factor",
        "kl_factor",
        "mom2_adjustment",
        "context_template_length_params",
        "rewrite_module_tmp",
        "variant",
    ];

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Result<HyperParamFields, ConfigError> {
        HyperParamFields::new(value.as_object().cloned().unwrap())
    }

    fn variant(value: Value) -> Option<String> {
        Some(fields(value).unwrap().fields.get("variant")?.as_str()?.to_owned())
    }

    #[test]
    fn switches_of_other_programs_choose_the_variant() {
        assert_eq!(
            variant(json!({ "enable_prompt_keys": true, "enable_random_prefix_keys": false })).unwrap(),
            "p-rome"
        );
        assert_eq!(variant(json!({ "enable_random_prefix_keys": true })).unwrap(), "r-rome");
        assert_eq!(variant(json!({ "alg_name": "R-ROME" })).unwrap(), "r-rome");
        assert_eq!(variant(json!({ "original_implementation": true, "enable_prompt_keys": true })), None);
        let both = json!({ "enable_prompt_keys": true, "enable_random_prefix_keys": true });
        assert!(matches!(fields(both), Err(ConfigError::TwoVariants { .. })));
    }

    #[test]
    fn settings_of_another_method_are_refused() {
        for value in [
            json!({ "alg_name": "MEMIT" }),
            json!({ "mom2_update_weight": 15000 }),
            json!({ "nullspace_threshold": 0.02, "L2": 10 }),
        ] {
            assert!(matches!(fields(value), Err(ConfigError::OtherMethod { .. })));
        }
    }

    #[test]
    fn unknown_fields_are_named() {
        let value = json!({ "layers": [1], "v_loss_layer": 5, "v_weight_dacay": 0.5, "L2": null });
        assert_eq!(fields(value).unwrap().unknown, ["v_weight_dacay"]);
    }
}
