//! ROME as a method: each request at each layer, in order.

use std::collections::BTreeMap;

use super::config::RomeConfig;
use super::layer_edit::LayerProblem;
use crate::method::value::Prefixes;
use crate::method::{Edit, EditError, EditMethod, EditableModel, MethodSettings, Version};
use crate::model::CausalLm;
use crate::observer::Observer;
use crate::request::TokenizedRequest;

/// Rank-One Model Editing: every request at every layer, in order, each on the model as the ones before
/// have left it.
///
/// The rows' common beginnings run once below the edited layer; above it, too, for requests that are undone
/// before the next.
pub struct Rome {
    config: RomeConfig,
    /// The prefixes that the first request at each layer left to later ones.
    prefixes: BTreeMap<usize, PrefixEntry>,
}

/// The prefixes of a request, and the state of the weights that they depend on.
struct PrefixEntry {
    prefixes: Prefixes,
    below: Version,
    all: Version,
}

impl Rome {
    /// Makes the method with these settings.
    pub fn new(config: RomeConfig) -> Self {
        Self { config, prefixes: BTreeMap::new() }
    }

    /// The settings.
    pub fn config(&self) -> &RomeConfig {
        &self.config
    }

    /// Returns what an earlier request at a layer has left, as far as it holds for the model as it is
    /// now.
    fn held(&self, layer: usize, model: &EditableModel<'_>) -> Option<Prefixes> {
        let held = self.prefixes.get(&layer)?;
        if held.below != model.version(0..layer) {
            return None;
        }
        Some(if held.all == model.version(0..usize::MAX) {
            held.prefixes.clone()
        } else {
            held.prefixes.below()
        })
    }
}

impl EditMethod for Rome {
    fn name(&self) -> &str {
        "rome"
    }

    fn settings(&self) -> MethodSettings {
        MethodSettings::Rome(self.config.clone())
    }

    fn layers(&self) -> &[usize] {
        &self.config.layers
    }

    fn check(&self, model: &dyn CausalLm) -> Result<(), EditError> {
        Ok(self.config.check(model.shape())?)
    }

    fn edit(
        &mut self,
        model: &mut EditableModel<'_>,
        requests: &[TokenizedRequest],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        let mut edits = Vec::with_capacity(requests.len() * self.config.layers.len());
        for request in requests {
            for &layer in &self.config.layers {
                let factor = model.factor(layer)?;
                let prefixes = self.held(layer, model);
                let problem = LayerProblem {
                    model: model.model(),
                    request,
                    layer,
                    config: &self.config,
                    factor: &factor,
                };
                let (edit, left) = problem.solve_after(prefixes.as_ref(), observer)?;
                if prefixes.is_none() {
                    let (below, all) = (model.version(0..layer), model.version(0..usize::MAX));
                    self.prefixes.insert(layer, PrefixEntry { prefixes: left, below, all });
                }
                let edit = Edit::from(edit);
                model.apply(layer, &edit.update)?;
                edits.push(edit);
            }
        }
        Ok(edits)
    }
}
