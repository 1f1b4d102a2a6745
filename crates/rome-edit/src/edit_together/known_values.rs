//! Values of facts that are known already.

use std::collections::HashMap;
use std::path::Path;

use rome_core::method::mass::{MassConfig, TargetValue};
use rome_core::{EditPart, FactEntry, Request};
use rome_files::read_bounded;
use safetensors::tensor::{Dtype, SafeTensors};

use super::error::TogetherError;
use crate::edits::{MAX_EDIT_FILE, read_with_values};
use crate::error::Error;

/// The value of a fact, with its entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FactValue {
    pub(super) entry: FactEntry,
    pub(super) value: Vec<f32>,
}

/// Values by request.
#[derive(Debug, Default)]
pub(super) struct KnownValues(HashMap<Request, FactValue>);

impl FactValue {
    pub(super) fn new(request: &Request, lookup_idxs: Vec<usize>, value: TargetValue) -> Self {
        let entry = FactEntry {
            request: request.clone(),
            lookup_idxs,
            steps: value.losses.len(),
            loss: value.losses.last().map_or([0.0; 4], |losses| losses.to_array()),
            relative_change: value.relative_change,
            shares: Vec::new(),
            outcome: None,
        };
        Self { entry, value: value.value }
    }
}

impl KnownValues {
    pub(super) fn get(&self, request: &Request) -> Option<&FactValue> {
        self.0.get(request)
    }

    /// Adds the values of a part, as far as they were computed like those of `like`.
    pub(super) fn add(&mut self, part: &EditPart, like: &EditPart, path: &Path) -> Result<(), TogetherError> {
        if let Some(what) = difference(part, like) {
            return Err(TogetherError::OtherSettings { path: path.to_owned(), what });
        }
        for (fact, value) in part.record.facts.iter().zip(&part.values) {
            let entry = FactEntry { shares: Vec::new(), outcome: None, ..fact.clone() };
            self.0.insert(fact.request.clone(), FactValue { entry, value: value.clone() });
        }
        Ok(())
    }

    /// Adds the values of a file: one of ours, or plain values in the order of the requests.
    pub(super) fn read(&mut self, path: &Path, requests: &[Request], like: &EditPart) -> Result<(), Error> {
        let no_values = || TogetherError::NoValues { path: path.to_owned() };
        if let Ok(file) = read_with_values(path) {
            if file.parts.iter().all(|part| part.values.is_empty()) {
                return Err(no_values().into());
            }
            for part in file.parts.iter().filter(|part| !part.values.is_empty()) {
                self.add(part, like, path)?;
            }
            return Ok(());
        }
        let bytes = read_bounded(path, MAX_EDIT_FILE)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|_| no_values())?;
        let tensor = tensors.tensor("values").map_err(|_| no_values())?;
        let (&[n_values, width], Dtype::F32) = (tensor.shape(), tensor.dtype()) else {
            return Err(no_values().into());
        };
        if n_values != requests.len() || width == 0 {
            let (path, n_requests) = (path.to_owned(), requests.len());
            return Err(TogetherError::OtherValues { path, n_values, n_requests }.into());
        }
        let values = tensor.data().chunks_exact(4 * width).map(|row| {
            let values = row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            values.collect::<Vec<f32>>()
        });
        for (request, value) in requests.iter().zip(values) {
            let value = TargetValue { value, relative_change: 0.0, losses: Vec::new() };
            self.0.insert(request.clone(), FactValue::new(request, Vec::new(), value));
        }
        Ok(())
    }
}

/// The input that two parts' values do not have in common; nothing if they were computed alike.
fn difference(a: &EditPart, b: &EditPart) -> Option<&'static str> {
    let (a, b) = (&a.record, &b.record);
    if a.model_hash != b.model_hash {
        return Some("weights: those of another model");
    }
    if a.on_top_of != b.on_top_of {
        return Some("edits on the model");
    }
    if a.contexts != b.contexts {
        return Some("contexts");
    }
    if a.kl_prompts != b.kl_prompts {
        return Some("preservation prompts");
    }
    if a.precision != b.precision {
        return Some("precision");
    }
    let settings = |record: &rome_core::EditRecord| {
        record.settings.as_ref().and_then(|settings| settings.mass().map(of_values))
    };
    (settings(a) != settings(b)).then_some("settings")
}

/// The settings that values depend on.
fn of_values(config: &MassConfig) -> (Option<usize>, [usize; 2], [f64; 5]) {
    let MassConfig { steps, learning_rate, weight_decay, clamp_norm_factor, kl_factor, stop_loss, .. } =
        config;
    let numbers = [*learning_rate, *weight_decay, *clamp_norm_factor, *kl_factor, *stop_loss];
    (config.layers.last().copied(), [*steps, config.stop_first.unwrap_or(0)], numbers)
}
