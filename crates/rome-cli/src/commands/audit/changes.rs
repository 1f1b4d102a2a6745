//! What edits, or another checkpoint, change of a model's weights.

use anyhow::{Context, Result};
use rome_audit::{Change, Typical};
use rome_core::transfer::download;
use rome_core::{EditFile, SecondMoment, widen};
use rome_models::config::Config;
use rome_models::layers::Layout;
use rome_models::{CheckpointFiles, Source};
use rome_session::statistics::second_moment;
use rome_session::{Model, StatisticsSource};

use crate::args::AuditArgs;
use crate::error::CliError;
use crate::model;
use crate::output::{Progress, note};
use crate::statistics::given;

pub(crate) fn by_edits(args: &AuditArgs, model: &Model, file: &EditFile) -> Result<Vec<Change>> {
    let layers: std::collections::BTreeMap<&str, usize> =
        file.edits().map(|(entry, _)| (entry.weight.as_str(), entry.layer)).collect();
    let mut changes = Vec::new();
    for (weight, updates) in file.updates() {
        let layer = layers[weight];
        let shape = model.causal_lm().shape();
        if layer >= shape.n_layers || model.causal_lm().weight_name(layer) != weight {
            return Err(
                rome_core::edit_file::EditFileError::UnknownWeight { weight: weight.to_owned() }.into()
            );
        }
        let module = model.causal_lm().block(layer).down_projection();
        updates.iter().try_for_each(|update| update.check(module)).with_context(|| weight.to_owned())?;
        let before = download(widen(module.weight()));
        let moment = moment(&given(args.stats.as_deref()), model, layer)?;
        changes.push(Change::by_updates(weight, &before, &updates, moment.as_ref())?);
    }
    Ok(changes)
}

/// The changes between a model and another checkpoint, tensor by tensor.
pub(crate) fn between(args: &AuditArgs, model: &Model, other: &Source) -> Result<Vec<Change>> {
    let source = model::source(&model.name)?;
    let config = Config::load(&source)?;
    let files = CheckpointFiles::open(&source)?;
    let tensors = files.files.iter().flat_map(|file| file.tensors());
    let names: Vec<String> =
        tensors.map(|tensor| tensor.canonical_name()).filter(|name| !config.ignores(name)).collect();
    let layer_of = |name: &str| (0..config.shape().n_layers).find(|&layer| config.weight_name(layer) == name);
    let mut progress = Progress::new(names.len() as u64, "{bar:30} {pos} of {len} tensors · {msg}");
    let mut changes = Vec::new();
    for (index, name) in names.iter().enumerate() {
        progress.set(index as u64, name.as_str());
        let read = |source: &Source| -> Result<_> {
            let tensor = CheckpointFiles::open(source)?.read(name)?;
            tensor.ok_or_else(|| missing(name, source))
        };
        let (before, after) = (read(&source)?, read(other)?);
        let shape = before.shape;
        if shape != after.shape {
            return Err(CliError::with_hint(
                format!("{name} has shape {shape:?}, and {:?} in {}", after.shape, other.name()),
                "give two checkpoints of the same architecture",
            ));
        }
        let (before, after) = (before.values, after.values);
        if before == after {
            continue;
        }
        let difference: Vec<f32> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
        let matrix = match shape[..] {
            [rows, columns] => Some([rows, columns]),
            _ => None,
        };
        let mut change = Change::by_difference(name, &before, &difference, matrix)?;
        if let (Some(layer), &[rows, columns]) = (layer_of(name), &shape[..]) {
            let moment = moment(&given(args.stats.as_deref()), model, layer)?;
            let input_first = |values: Vec<f32>| match config.down_projection_layout() {
                Layout::InputFirst => values,
                Layout::OutputFirst => transposed(&values, [rows, columns]),
            };
            let (before, difference) = (input_first(before), input_first(difference));
            change.typical = moment.map(|moment| Typical::new(&before, &difference, &moment));
        }
        changes.push(change);
    }
    Ok(changes)
}

fn missing(name: &str, source: &Source) -> anyhow::Error {
    CliError::with_hint(
        format!("{} has no tensor {name}", source.name()),
        "give two checkpoints of the same architecture",
    )
}

fn transposed(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// The second moment of a layer's keys, if there is one. What was asked for must be there.
fn moment(given: &StatisticsSource, model: &Model, layer: usize) -> Result<Option<SecondMoment>> {
    if *given == StatisticsSource::Identity {
        return Ok(None);
    }
    match second_moment(given, model, layer) {
        Ok(moment) => Ok(Some(moment)),
        Err(error) if *given != StatisticsSource::Found => Err(error.into()),
        Err(_) => {
            note(format!("without statistics of layer {layer} it is not known how ordinary text is changed"));
            Ok(None)
        }
    }
}
