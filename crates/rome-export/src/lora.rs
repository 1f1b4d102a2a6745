//! Adapters of PEFT as arrays to import.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::arrays::Array;
use crate::error::ExportError;

/// The settings of a LoRA that say how large its update is, `adapter_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct LoraSettings {
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    /// Of modules that have another α.
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
}

impl LoraSettings {
    /// Parses the settings.
    ///
    /// # Errors
    /// [`ExportError::Format`] when they are those of no LoRA, or of one that is more than a sum.
    pub fn parse(json: &[u8]) -> Result<Self, ExportError> {
        let malformed = |reason: String| ExportError::Format(format!("adapter_config.json: {reason}"));
        let mut fields: Value = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        match fields.get("peft_type").and_then(Value::as_str) {
            Some("LORA") | None => {}
            Some(other) => return Err(malformed(format!("an adapter of type {other} is no sum of updates"))),
        }
        let settings: Self = serde_json::from_value(fields).map_err(|error| malformed(error.to_string()))?;
        if settings.use_dora {
            return Err(malformed("a DoRA scales the weights themselves, which edits do not".to_owned()));
        }
        Ok(settings)
    }

    /// The factor of the update of a module of some rank.
    fn scale(&self, module: &str, rank: usize) -> f64 {
        let own = self.alpha_pattern.iter().find(|(pattern, _)| {
            module == *pattern
                || module.strip_suffix(pattern.as_str()).is_some_and(|rest| rest.ends_with('.'))
        });
        let alpha = own.map_or(self.lora_alpha, |(_, alpha)| *alpha);
        let rank = rank as f64;
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// True if arrays are those of an adapter.
pub fn is_adapter(arrays: &[Array]) -> bool {
    arrays.iter().any(|array| split(&array.name).is_some())
}

/// Turns the matrices of an adapter into left and right vectors: `ΔW = α/r (B A)ᵀ` as `[d_input, d_output]`,
/// whichever way round the model stores its weights. Terms that are zero are left out.
///
/// # Errors
/// [`ExportError::Format`] when a matrix lacks its partner, or there is something else.
pub fn vectors(arrays: Vec<Array>, settings: &LoraSettings) -> Result<Vec<Array>, ExportError> {
    let mut modules: BTreeMap<String, [Option<Array>; 2]> = BTreeMap::new();
    for array in arrays {
        let Some((module, part)) = split(&array.name) else {
            return Err(ExportError::Format(format!("{:?} is no matrix of a LoRA", array.name)));
        };
        let module = module.to_owned();
        modules.entry(module).or_default()[part] = Some(array);
    }
    let mut vectors = Vec::new();
    for (module, matrices) in modules {
        let [Some(a), Some(b)] = matrices else {
            return Err(ExportError::Format(format!("{module} has one of lora_A and lora_B")));
        };
        let (&[rank, d_input], &[d_output, b_rank]) = (&a.shape[..], &b.shape[..]) else {
            return Err(ExportError::Format(format!("{module}: lora_A and lora_B are not both matrices")));
        };
        if rank != b_rank || rank == 0 {
            return Err(ExportError::Format(format!("{module}: lora_A has rank {rank}, lora_B {b_rank}")));
        }
        let scale = settings.scale(&module, rank);
        let left = |term: usize| a.values[term * d_input..(term + 1) * d_input].to_vec();
        let right = |term: usize| -> Vec<f32> {
            let column = (0..d_output).map(|output| b.values[output * rank + term]);
            column.map(|value| (f64::from(value) * scale) as f32).collect()
        };
        let terms = (0..rank).map(|term| (left(term), right(term)));
        let is_some = |values: &[f32]| values.iter().any(|&value| value != 0.0);
        let terms: Vec<_> = terms.filter(|(left, right)| is_some(left) && is_some(right)).collect();
        if terms.is_empty() {
            continue;
        }
        let (lefts, rights): (Vec<_>, Vec<_>) = terms.into_iter().unzip();
        for (part, rows, size) in [("left", lefts, d_input), ("right", rights, d_output)] {
            let shape = vec![rows.len(), size];
            vectors.push(Array { name: format!("{module}.weight.{part}"), shape, values: rows.concat() });
        }
    }
    Ok(vectors)
}

/// The module and the matrix that a name of PEFT means: 0 for A, 1 for B.
fn split(name: &str) -> Option<(&str, usize)> {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name);
    let name = name.strip_suffix(".weight").unwrap_or(name);
    let name = name.strip_suffix(".default").unwrap_or(name);
    let of = |part: &str| name.strip_suffix(part);
    of(".lora_A").map(|module| (module, 0)).or_else(|| of(".lora_B").map(|module| (module, 1)))
}
