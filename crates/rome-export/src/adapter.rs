//! Edits as an adapter of PEFT.

use std::collections::BTreeMap;
use std::path::Path;

use rome_core::edit::WeightUpdate;
use rome_core::{EditFile, LowRank, RankOneUpdate};
use rome_files::NewFolder;
use rome_models::config::Config;
use rome_models::layout::Layout;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::error::ExportError;
use crate::weight;

/// The rank that adapters have at most, unless a larger one is asked for: what servers take.
pub const MAX_RANK: usize = 256;

/// A LoRA that does what edits do: `B A` is their sum, and `α = r` leaves it as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// `adapter_config.json`
    pub config: Value,
    /// `adapter_model.safetensors`
    pub weights: Vec<u8>,
    /// The share of `‖ΔW‖` that is left out, of the weight where it is largest; 0 as a rule.
    pub left_out: f64,
}

impl Adapter {
    /// Makes an adapter of edits for a model called `base_model`.
    ///
    /// Its rank is the number of terms of the weight that has most. Weights with fewer are filled up
    /// with zeros, as one adapter has one rank. Of a weight with more than `max_rank`, it holds the largest by
    /// singular values.
    ///
    /// # Errors
    /// [`ExportError`] when there are no edits, or they do not fit the model.
    pub fn new(
        edits: &EditFile,
        config: &Config,
        base_model: &str,
        max_rank: usize,
    ) -> Result<Self, ExportError> {
        weight::check_some(edits, config)?;
        let mut left_out = 0.0_f64;
        let mut of_weights = BTreeMap::new();
        for (weight, updates) in edits.updates() {
            let (terms, share) = within(max_rank, weight, &updates)?;
            left_out = left_out.max(share);
            of_weights.insert(weight, terms);
        }
        let rank = of_weights.values().map(Vec::len).max().unwrap_or(0);
        let mut modules = Vec::new();
        let mut tensors = Vec::new();
        for (weight, terms) in &of_weights {
            let module = config.names.in_memory(weight.strip_suffix(".weight").unwrap_or(weight));
            let [d_input, d_output] =
                terms.first().map_or([0, 0], |term| [term.left.len(), term.right.len()]);
            // A is [r, d_input], a row for each left vector; B is [d_output, r], a column for each
            // right one. That is so for Conv1D, too: fan_in_fan_out turns their product over.
            let row = |index: usize| terms.get(index).map(|term| &term.left[..]);
            let a = (0..rank).flat_map(|index| row(index).map_or(vec![0.0; d_input], <[f32]>::to_vec));
            let cell = |output: usize, index: usize| terms.get(index).map_or(0.0, |term| term.right[output]);
            let b = (0..d_output).flat_map(|output| (0..rank).map(move |index| (output, index)));
            let b = b.map(|(output, index)| cell(output, index));
            let name = |part: &str| format!("base_model.model.{module}.lora_{part}.weight");
            tensors.push((name("A"), [rank, d_input], bytes(a)));
            tensors.push((name("B"), [d_output, rank], bytes(b)));
            modules.push(module);
        }
        let config = json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base_model,
            "inference_mode": true,
            "r": rank,
            "lora_alpha": rank,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": config.down_projection_layout() == Layout::InputFirst,
            "target_modules": modules,
        });
        let format = |error: safetensors::SafeTensorError| ExportError::Format(error.to_string());
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(format)?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        Ok(Self { config, weights: safetensors::serialize(views, Some(metadata)).map_err(format)?, left_out })
    }

    /// Writes the adapter's folder, as a whole or not at all.
    ///
    /// # Errors
    /// [`ExportError`] when the folder cannot be made.
    pub fn write(&self, place: &Path) -> Result<(), ExportError> {
        let folder = NewFolder::at(place)?;
        folder.write("adapter_config.json", format!("{:#}\n", self.config).as_bytes())?;
        folder.write("adapter_model.safetensors", &self.weights)?;
        Ok(folder.finish()?)
    }
}

/// The terms of a weight's updates, or the largest of their sum, and the share of it that is left out.
fn within(
    max_rank: usize,
    weight: &str,
    updates: &[&WeightUpdate],
) -> Result<(Vec<RankOneUpdate>, f64), ExportError> {
    let n_terms: usize = updates.iter().map(|update| update.terms().len()).sum();
    let has_terms = updates.iter().all(|update| matches!(update, WeightUpdate::LowRank(_)));
    if has_terms && n_terms <= max_rank {
        return Ok((updates.iter().flat_map(|update| update.terms()).cloned().collect(), 0.0));
    }
    let sizes = updates.iter().find_map(|update| update.sizes()).unwrap_or_default();
    let mut sum = vec![0.0; sizes[0] * sizes[1]];
    updates.iter().for_each(|update| update.add_to(&mut sum));
    let low_rank = LowRank::of(&sum, sizes)
        .map_err(|error| ExportError::LowRank { tensor: weight.to_owned(), error })?;
    let rank = low_rank.rank(f64::from(f32::EPSILON)).clamp(1, max_rank.max(1));
    Ok((low_rank.updates(rank), low_rank.remainder(rank)))
}

fn bytes(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(f32::to_le_bytes).collect()
}
