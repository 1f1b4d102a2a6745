//! Sizes that configurations may name.

use crate::ModelError;

pub(crate) fn config_error(reason: String) -> ModelError {
    ModelError::Config { reason }
}

/// Checks that sizes are positive and heads share the width evenly.
pub(crate) fn check_sizes(sizes: &[(&str, usize)], d_model: usize, n_heads: usize) -> Result<(), ModelError> {
    // Far above any model of these families, and low enough that products of two cannot overflow.
    const LARGEST: usize = 1 << 24;
    // No tensor of GPT-J says how many positions it has, so a table of them is bounded here.
    const MOST_POSITIONS: usize = 1 << 17;
    // Tables by layer are made before any tensor is looked for; the largest GPT has 96.
    const MOST_LAYERS: usize = 1 << 14;
    for &(name, size) in sizes {
        let largest = match name {
            "n_positions" => MOST_POSITIONS,
            "n_layer" => MOST_LAYERS,
            _ => LARGEST,
        };
        if size == 0 || size > largest {
            return Err(config_error(format!("\"{name}\" cannot be {size}")));
        }
    }
    if d_model.is_multiple_of(n_heads) {
        Ok(())
    } else {
        Err(config_error(format!("{n_heads} heads cannot share a width of {d_model}")))
    }
}
