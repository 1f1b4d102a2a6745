//! The layers whose attention sees only so far.

use super::fields::{Fields, config_error};
use super::rope::LayerKind;
use crate::ModelError;

/// The layers that have a window, where `layer_types` does not say so.
#[derive(Debug, Clone, Copy)]
pub(super) enum WindowRule {
    /// None has.
    None,
    /// All have, if there is a window.
    All,
    /// All from a layer on.
    From(usize),
    /// All but every n-th.
    AllButEvery(usize),
}

/// The windows by layer.
pub(super) fn windows(
    fields: Fields<'_>,
    n_layers: usize,
    rule: WindowRule,
    default: Option<usize>,
) -> Result<Vec<Option<usize>>, ModelError> {
    let window: Option<usize> = fields.nullable(&["sliding_window"], default)?;
    if window == Some(0) {
        return Err(fields.refuse("sliding_window", "a window has at least one position"));
    }
    let kinds = match layer_types(fields, n_layers)? {
        Some(kinds) => kinds,
        None => (0..n_layers).map(|layer| rule.kind(layer)).collect(),
    };
    Ok(kinds.into_iter().map(|kind| window.filter(|_| kind == LayerKind::Sliding)).collect())
}

impl WindowRule {
    fn kind(self, layer: usize) -> LayerKind {
        let slides = match self {
            Self::None => false,
            Self::All => true,
            Self::From(first) => layer >= first,
            Self::AllButEvery(n) => n == 0 || !(layer + 1).is_multiple_of(n),
        };
        if slides { LayerKind::Sliding } else { LayerKind::Full }
    }
}

/// The kinds of layers that `layer_types` names, if it is there.
pub(super) fn layer_types(fields: Fields<'_>, n_layers: usize) -> Result<Option<Vec<LayerKind>>, ModelError> {
    let Some(names) = fields.optional::<Vec<String>>(&["layer_types"])? else { return Ok(None) };
    if names.len() != n_layers {
        let n = names.len();
        return Err(config_error(format!("\"layer_types\" has {n} entries for {n_layers} layers")));
    }
    let kinds = names.iter().map(|name| {
        let kind = [LayerKind::Full, LayerKind::Sliding].into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| config_error(format!("\"layer_types\" has {name:?}, which is not supported")))
    });
    kinds.collect::<Result<_, _>>().map(Some)
}
