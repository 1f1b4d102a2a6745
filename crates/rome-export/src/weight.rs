//! Edits against the weights of a model, as its checkpoints store them.

use rome_core::EditFile;
use rome_core::edit::{EditFileError, WeightUpdate};
use rome_models::config::Config;
use rome_models::layout::Layout;

use crate::error::ExportError;

/// Checks that edits are of weights that edits of a model change, and fit them.
pub(crate) fn check(edits: &EditFile, config: &Config) -> Result<(), ExportError> {
    let shape = config.shape();
    let names: Vec<String> = (0..shape.n_layers).map(|layer| config.weight_name(layer)).collect();
    for (weight, updates) in edits.updates() {
        if !names.iter().any(|name| name == weight) {
            return Err(EditFileError::UnknownWeight { weight: weight.to_owned() }.into());
        }
        check_updates(weight, [shape.d_ff, shape.d_model], &updates)?;
    }
    Ok(())
}

/// Checks the same where there must be an edit.
pub(crate) fn check_some(edits: &EditFile, config: &Config) -> Result<(), ExportError> {
    match edits.edits().next() {
        Some(_) => check(edits, config),
        None => Err(ExportError::Nothing),
    }
}

/// Checks that updates fit a weight of these sizes.
pub(crate) fn check_updates(
    weight: &str,
    module: [usize; 2],
    updates: &[&WeightUpdate],
) -> Result<(), EditFileError> {
    let failed = |error| EditFileError::Update { weight: weight.to_owned(), error };
    updates.iter().try_for_each(|update| update.check(module)).map_err(failed)
}

/// The sizes `[d_input, d_output]` of a weight stored in some shape; `None` if it is no matrix.
pub(crate) fn sizes(shape: &[usize], layout: Layout) -> Option<[usize; 2]> {
    match (shape, layout) {
        (&[d_input, d_output], Layout::InputFirst) => Some([d_input, d_output]),
        (&[d_output, d_input], Layout::OutputFirst) => Some([d_input, d_output]),
        _ => None,
    }
}

/// Adds an update to a stored weight.
pub(crate) fn add(weight: &mut [f32], update: &WeightUpdate, layout: Layout) {
    match layout {
        Layout::InputFirst => update.add_to(weight),
        Layout::OutputFirst => update.transposed().add_to(weight),
    }
}
