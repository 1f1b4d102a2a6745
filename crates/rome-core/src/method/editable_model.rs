//! A model that a method edits.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::prelude::*;

use super::EditError;
use crate::edit::{Original, Undo, WeightUpdate};
use crate::forward::transfer::download;
use crate::model::{CausalLm, widen};
use crate::statistics::CholeskyFactor;

/// A model that a method edits: every change can be taken off again, bit for bit.
pub struct EditableModel<'a> {
    model: &'a mut dyn CausalLm,
    factors: BTreeMap<usize, Arc<CholeskyFactor>>,
    /// The changes on the model, in order.
    changes: Vec<Change>,
    /// The number of changes when the current edit began.
    begun: usize,
    /// The version of the model without any change.
    base: Version,
}

/// The state of some weights: two that are equal are the same to the bit. No other model has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(u64);

impl Version {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// An applied change of a weight.
struct Change {
    layer: usize,
    /// The weight as it was, of the first change of a layer and of the first in the edit in hand. What there
    /// was before the others undoes nothing that these do not.
    original: Option<Original>,
    version: Version,
}

impl<'a> EditableModel<'a> {
    /// Starts with the model as it is.
    pub fn new(model: &'a mut dyn CausalLm) -> Self {
        Self { model, factors: BTreeMap::new(), changes: Vec::new(), begun: 0, base: Version::next() }
    }

    /// The model as it is now.
    pub fn model(&self) -> &dyn CausalLm {
        self.model
    }

    /// Gives the factor of C at a layer.
    pub fn set_factor(&mut self, layer: usize, factor: Arc<CholeskyFactor>) {
        self.factors.insert(layer, factor);
    }

    /// The factor of C at a layer.
    ///
    /// # Errors
    /// [`EditError::NoStatistics`] and [`EditError::StatisticsSize`].
    pub fn factor(&self, layer: usize) -> Result<Arc<CholeskyFactor>, EditError> {
        let factor = self.factors.get(&layer).ok_or(EditError::NoStatistics { layer })?;
        let d_ff = self.model.shape().d_ff;
        if factor.d_ff() != d_ff {
            return Err(EditError::StatisticsSize { statistics: factor.d_ff(), model: d_ff });
        }
        Ok(Arc::clone(factor))
    }

    /// Adds an update to the down projection of a layer.
    ///
    /// # Errors
    /// [`EditError::Update`] when it does not fit or is not finite; the weight is untouched then.
    pub fn apply(&mut self, layer: usize, update: &WeightUpdate) -> Result<(), EditError> {
        let original = update.apply(self.model.down_projection_mut(layer))?;
        self.push(layer, original);
        Ok(())
    }

    /// Replaces the down projection of a layer, for methods that train it.
    ///
    /// # Shapes
    /// - weight: `[d_ff, d_model]`
    pub fn set_weight(&mut self, layer: usize, weight: Tensor<2>) {
        let module = self.model.down_projection_mut(layer);
        let original = Original::of(module);
        module.set_weight(weight);
        self.push(layer, original);
    }

    fn push(&mut self, layer: usize, original: Original) {
        let is_first = self.changes[self.begun..].iter().all(|change| change.layer != layer);
        self.changes.push(Change { layer, original: is_first.then_some(original), version: Version::next() });
    }

    /// The state of the weights at some layers.
    pub fn version(&self, layers: Range<usize>) -> Version {
        let last = self.changes.iter().rev().find(|change| layers.contains(&change.layer));
        last.map_or(self.base, |change| change.version)
    }

    /// `‖W‖`, the Frobenius norm of a layer's down projection.
    pub fn weight_norm(&self, layer: usize) -> f64 {
        weight_norm(self.model, layer)
    }

    /// Makes an edit as a whole or not at all: if it fails, its changes are taken off again, to the bit.
    ///
    /// # Errors
    /// That of `edit`.
    pub fn attempt<T, E>(&mut self, edit: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.begun = self.changes.len();
        let result = edit(self);
        match result {
            Ok(_) => self.commit(),
            Err(_) => self.undo_to(self.begun),
        }
        result
    }

    /// Ends an edit that has succeeded. Of each layer, only the oldest weight is kept.
    fn commit(&mut self) {
        let (before, new) = self.changes.split_at_mut(self.begun);
        for change in new {
            if before.iter().any(|other| other.layer == change.layer) {
                change.original = None;
            }
        }
    }

    /// Takes off all changes, bit for bit.
    pub fn undo(&mut self) {
        self.undo_to(0);
        self.begun = 0;
    }

    fn undo_to(&mut self, n_changes: usize) {
        for Change { layer, original, .. } in self.changes.drain(n_changes..).rev() {
            if let Some(original) = original {
                original.restore(self.model.down_projection_mut(layer));
            }
        }
    }

    /// Leaves the changes on the model and returns what undoes them.
    pub fn into_undo(self) -> Undo {
        let kept = self.changes.into_iter();
        Undo::new(kept.filter_map(|change| Some((change.layer, change.original?))).collect())
    }
}

/// `‖W‖`, the Frobenius norm of a layer's down projection.
pub(super) fn weight_norm(model: &dyn CausalLm, layer: usize) -> f64 {
    let weight = widen(model.block(layer).down_projection().weight());
    f64::from(download((weight.clone() * weight).sum())[0]).sqrt()
}
