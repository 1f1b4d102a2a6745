//! Updates of weights as a checkpoint stores them.

use rome_core::RankOneUpdate;
use rome_core::edit_file::EditFileError;
use rome_core::update::UpdateError;
use rome_models::layers::Layout;

/// The sizes `[d_input, d_output]` of a weight stored in some shape; `None` if it is no matrix.
pub(crate) fn sizes(shape: &[usize], layout: Layout) -> Option<[usize; 2]> {
    match (shape, layout) {
        (&[d_input, d_output], Layout::InputFirst) => Some([d_input, d_output]),
        (&[d_output, d_input], Layout::OutputFirst) => Some([d_input, d_output]),
        _ => None,
    }
}

/// Checks that updates fit a weight of these sizes.
pub(crate) fn check(
    weight: &str,
    module: [usize; 2],
    updates: &[&RankOneUpdate],
) -> Result<(), EditFileError> {
    let failed = |error| EditFileError::Update { weight: weight.to_owned(), error };
    for update in updates {
        let sizes = [update.left.len(), update.right.len()];
        if sizes != module {
            return Err(failed(UpdateError::Shape { update: sizes, module }));
        }
        if !update.is_finite() {
            return Err(failed(UpdateError::NotFinite));
        }
    }
    Ok(())
}

/// Adds an update to a stored weight, value by value as [`RankOneUpdate::apply`] does it: each is
/// rounded to f32 once as a product and once as a sum.
pub(crate) fn add(weight: &mut [f32], update: &RankOneUpdate, layout: Layout) {
    let (rows, columns) = match layout {
        Layout::InputFirst => (&update.left, &update.right),
        Layout::OutputFirst => (&update.right, &update.left),
    };
    for (values, row) in weight.chunks_exact_mut(columns.len()).zip(rows) {
        values.iter_mut().zip(columns).for_each(|(value, column)| *value += row * column);
    }
}
