//! The changes that edits, or another checkpoint, make to a model's weights.

use std::collections::BTreeMap;

use rome_core::edit::EditFileError;
use rome_core::forward::transfer::download;
use rome_core::{EditFile, Event, Observer, Progress, SecondMoment, Unit, widen};
use rome_eval::audit::{TextEffect, WeightChange};
use rome_models::layout::Layout;
use rome_models::{CheckpointFiles, Source};

use super::error::AuditError;
use crate::statistics::{StatisticsSource, second_moment};
use crate::{Error, Model};

/// Describes what edits change of the weights of a model that they are not on yet.
///
/// # Errors
/// When an edit does not fit, or there are no statistics where some were given.
pub(super) fn by_edits(
    model: &Model,
    edits: &EditFile,
    statistics: &StatisticsSource,
) -> Result<Vec<WeightChange>, Error> {
    let lm = model.lm();
    let layers: BTreeMap<&str, usize> =
        edits.edits().map(|(entry, _)| (entry.weight.as_str(), entry.layer)).collect();
    let mut changes = Vec::new();
    for (weight, updates) in edits.updates() {
        let layer = layers[weight];
        let weight = weight.to_owned();
        if layer >= lm.shape().n_layers || lm.weight_name(layer) != weight {
            return Err(EditFileError::UnknownWeight { weight }.into());
        }
        let module = lm.block(layer).down_projection();
        let sizes = [module.d_input(), module.d_output()];
        if let Err(error) = updates.iter().try_for_each(|update| update.check(sizes)) {
            return Err(EditFileError::Update { weight, error }.into());
        }
        let before = download(widen(module.weight()));
        let moment = moment(statistics, model, layer)?;
        changes.push(WeightChange::by_updates(&weight, &before, &updates, moment.as_ref())?);
    }
    Ok(changes)
}

/// Describes what is different in another checkpoint, tensor by tensor.
///
/// # Errors
/// When they have other tensors, or `observer` stops it.
pub(super) fn between(
    model: &Model,
    other: &Source,
    statistics: &StatisticsSource,
    observer: &mut dyn Observer,
) -> Result<Vec<WeightChange>, Error> {
    let CheckpointFiles { config, files, .. } = CheckpointFiles::open(&model.source)?;
    let tensors = files.iter().flat_map(|file| file.tensors());
    let names: Vec<String> =
        tensors.filter_map(|tensor| tensor.canonical_name().map(str::to_owned)).collect();
    let mut changes = Vec::new();
    for (done, name) in (0..).zip(&names) {
        let total = names.len() as u64;
        observer.tell(Event::Progress(Progress { unit: Unit::Tensors, done, total, detail: name }))?;
        let pair = TensorPair::read(name, &model.source, other)?;
        if pair.before == pair.after {
            continue;
        }
        let mut change = pair.change(name)?;
        let layer = (0..config.shape().n_layers).find(|&layer| config.weight_name(layer) == *name);
        if let (Some(layer), Some(shape)) = (layer, pair.matrix()) {
            let moment = moment(statistics, model, layer)?;
            let input_first = |values: Vec<f32>| match config.down_projection_layout() {
                Layout::InputFirst => values,
                Layout::OutputFirst => transposed(&values, shape),
            };
            let (difference, before) = (input_first(pair.difference()), input_first(pair.before));
            change.text_effect = moment.map(|moment| TextEffect::new(&before, &difference, &moment));
        }
        changes.push(change);
    }
    Ok(changes)
}

/// A tensor in two checkpoints.
struct TensorPair {
    shape: Vec<usize>,
    before: Vec<f32>,
    after: Vec<f32>,
}

impl TensorPair {
    fn read(tensor: &str, model: &Source, other: &Source) -> Result<Self, Error> {
        let read = |source: &Source| -> Result<_, Error> {
            let (checkpoint, tensor) = (source.name(), tensor.to_owned());
            let stored = CheckpointFiles::open(source)?.read(&tensor)?;
            Ok(stored.ok_or(AuditError::NoTensor { checkpoint, tensor })?)
        };
        let (before, after) = (read(model)?, read(other)?);
        if before.shape != after.shape {
            let (tensor, shape, other_shape) = (tensor.to_owned(), before.shape, after.shape);
            return Err(AuditError::Shape { tensor, shape, other_shape, other: other.name() }.into());
        }
        Ok(Self { shape: before.shape, before: before.values, after: after.values })
    }

    fn difference(&self) -> Vec<f32> {
        self.after.iter().zip(&self.before).map(|(after, before)| after - before).collect()
    }

    /// Its rows and columns, if it is a matrix.
    fn matrix(&self) -> Option<[usize; 2]> {
        self.shape.as_slice().try_into().ok()
    }

    fn change(&self, tensor: &str) -> Result<WeightChange, Error> {
        Ok(WeightChange::by_difference(tensor, &self.before, &self.difference(), self.matrix())?)
    }
}

fn transposed(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// The second moment of a layer's keys, if there is one. Statistics that were given must be there.
fn moment(statistics: &StatisticsSource, model: &Model, layer: usize) -> Result<Option<SecondMoment>, Error> {
    if *statistics == StatisticsSource::Identity {
        return Ok(None);
    }
    match second_moment(statistics, model, layer) {
        Ok(moment) => Ok(Some(moment)),
        Err(error) if *statistics != StatisticsSource::Auto => Err(error),
        Err(_) => {
            tracing::info!(
                "without statistics of layer {layer} it is not known how ordinary text is changed"
            );
            Ok(None)
        }
    }
}
