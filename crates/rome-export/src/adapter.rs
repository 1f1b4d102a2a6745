//! Edits as an adapter of PEFT.

use std::path::Path;

use rome_core::{EditFile, RankOneUpdate};
use rome_files::NewFolder;
use rome_models::config::Config;
use rome_models::layout::Layout;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::error::ExportError;
use crate::weight;

/// A LoRA that does what edits do: `B A` is their sum, and `α = r` leaves it as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// `adapter_config.json`
    pub config: Value,
    /// `adapter_model.safetensors`
    pub weights: Vec<u8>,
}

impl Adapter {
    /// Makes an adapter of edits for a model called `base_model`.
    ///
    /// Its rank is the number of edits of the weight that has most. Weights with fewer are filled up
    /// with zeros, as one adapter has one rank.
    ///
    /// # Errors
    /// [`ExportError`] when there are no edits, or they do not fit the model.
    pub fn new(edits: &EditFile, config: &Config, base_model: &str) -> Result<Self, ExportError> {
        weight::check_some(edits, config)?;
        let updates = edits.updates();
        let rank = updates.values().map(Vec::len).max().unwrap_or(0);
        let mut modules = Vec::new();
        let mut tensors = Vec::new();
        for (weight, updates) in &updates {
            let module = config.names.in_memory(weight.strip_suffix(".weight").unwrap_or(weight));
            let [d_input, d_output] = updates.first().map_or([0, 0], |u| [u.left.len(), u.right.len()]);
            // A is [r, d_input], a row for each left vector; B is [d_output, r], a column for each
            // right one. That is so for Conv1D, too: fan_in_fan_out turns their product over.
            let row = |index: usize| updates.get(index).map(|update| &update.left[..]);
            let a = (0..rank).flat_map(|index| row(index).map_or(vec![0.0; d_input], <[f32]>::to_vec));
            let cell = |output: usize, index: usize| {
                updates.get(index).map_or(0.0, |u: &&RankOneUpdate| u.right[output])
            };
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
        Ok(Self { config, weights: safetensors::serialize(views, Some(metadata)).map_err(format)? })
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

fn bytes(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(f32::to_le_bytes).collect()
}
