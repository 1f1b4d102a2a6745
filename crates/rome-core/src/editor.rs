//! Edits a model request by request.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::edit::EditError;
use crate::edit_file::Undo;
use crate::update::Original;
use crate::value::Losses;
use crate::{
    CausalLm, Context, Edit, EditConfig, EditRows, Factor, Prefixes, Preservation, Request, TokenCodec,
};

/// Edits a model: each request at each layer in turn, every one computed on the model as the
/// ones before have left it. The factors of C, the contexts, and what the rows' common beginnings
/// come to below the edited layer are computed once. So is what they come to above it, for requests
/// that are [undone](Self::undo) before the next.
///
/// The model stays edited; [`undo`](Self::undo) gives its bytes back.
pub struct Editor<'a> {
    model: &'a mut dyn CausalLm,
    tokens: &'a dyn TokenCodec,
    config: EditConfig,
    contexts: Vec<Context>,
    preservations: Vec<Preservation>,
    factors: BTreeMap<usize, Arc<Factor>>,
    /// The edits on the model, in order.
    applied: Vec<Applied>,
    n_applied_ever: usize,
    /// By layer, what its first request left to later ones.
    prefixes: BTreeMap<usize, Held>,
}

/// An edit that is on the model.
struct Applied {
    layer: usize,
    /// Of the first edit of a layer, and of those of a request that is not at its end: what there was
    /// before the others undoes nothing that these do not.
    original: Option<Original>,
    /// How many edits there had been, this one counted: no two have the same.
    number: usize,
}

/// What a request left, and the last edits that it depends on; 0 for none.
struct Held {
    prefixes: Prefixes,
    below: usize,
    above: usize,
}

/// Where an edit is: the layer, the step and its losses.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The layer being edited.
    pub layer: usize,
    /// The step, from 0.
    pub step: usize,
    /// The losses of the step.
    pub losses: &'a Losses,
}

impl<'a> Editor<'a> {
    /// Starts with the prompt itself as the only context, and the reference's preservation
    /// prompt. [`context::sample`](crate::context::sample) makes the contexts of the paper.
    ///
    /// # Errors
    /// When the settings do not fit the model.
    pub fn new(
        model: &'a mut dyn CausalLm,
        tokens: &'a dyn TokenCodec,
        config: EditConfig,
    ) -> Result<Self, EditError> {
        config.check(model.shape())?;
        Ok(Self {
            model,
            tokens,
            config,
            contexts: vec![Context::clean()],
            preservations: vec![Preservation::essence()],
            factors: BTreeMap::new(),
            applied: Vec::new(),
            n_applied_ever: 0,
            prefixes: BTreeMap::new(),
        })
    }

    /// Uses exactly these contexts.
    #[must_use]
    pub fn contexts(mut self, contexts: Vec<Context>) -> Self {
        self.contexts = contexts;
        self
    }

    /// Uses exactly these preservation prompts; none turns the KL term off.
    #[must_use]
    pub fn preservations(mut self, preservations: Vec<Preservation>) -> Self {
        self.preservations = preservations;
        self
    }

    /// Gives the factor of C at a layer, which may be shared. Each layer that is edited needs one.
    #[must_use]
    pub fn statistics(mut self, layer: usize, factor: impl Into<Arc<Factor>>) -> Self {
        self.factors.insert(layer, factor.into());
        self
    }

    /// Edits the model by one request and returns the edit of each layer.
    ///
    /// # Errors
    /// [`EditError`]; the model is then as it was before this request.
    pub fn edit(
        &mut self,
        request: &Request,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<Edit>, EditError> {
        let done = self.applied.len();
        let result = self.try_edit(request, on_progress);
        match result {
            Ok(_) => self.forget_from(done),
            Err(_) => self.undo_to(done),
        }
        result
    }

    fn try_edit(
        &mut self,
        request: &Request,
        on_progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<Edit>, EditError> {
        let rows = self.rows(request)?;
        let mut edits = Vec::with_capacity(self.config.layers.len());
        for &layer in &self.config.layers {
            let factor = self.factors.get(&layer).ok_or(EditError::NoStatistics { layer })?;
            let mut on_step = |step, losses: &Losses| on_progress(Progress { layer, step, losses });
            let prefixes = self.held(layer);
            let prefixes = prefixes.as_ref();
            let (model, config) = (&*self.model, &self.config);
            let (edit, left) =
                Edit::compute_after(model, &rows, layer, config, factor, prefixes, &mut on_step)?;
            if prefixes.is_none() {
                let (below, above) = (self.last_applied(0..layer), self.last_applied(0..usize::MAX));
                self.prefixes.insert(layer, Held { prefixes: left, below, above });
            }
            let original = edit.update.apply(self.model.down_projection_mut(layer))?;
            self.n_applied_ever += 1;
            self.applied.push(Applied { layer, original: Some(original), number: self.n_applied_ever });
            edits.push(edit);
        }
        Ok(edits)
    }

    /// The settings of its edits.
    pub fn config(&self) -> &EditConfig {
        &self.config
    }

    /// Returns the rows that a request is optimised over.
    ///
    /// # Errors
    /// When the request, a context or a preservation prompt makes no sense.
    pub fn rows(&self, request: &Request) -> Result<EditRows, EditError> {
        Ok(EditRows::new(request, &self.contexts, &self.preservations, self.tokens, self.model.shape())?)
    }

    /// The model as it is now.
    pub fn model(&self) -> &dyn CausalLm {
        self.model
    }

    /// Takes back every edit made so far, to the bit.
    pub fn undo(&mut self) {
        self.undo_to(0);
    }

    /// Leaves the edits on the model and returns what undoes them.
    pub fn into_undo(self) -> Undo {
        let kept = self.applied.into_iter();
        Undo(kept.filter_map(|applied| Some((applied.layer, applied.original?))).collect())
    }

    /// Forgets what was there before the edits from `start` on, but for the first of each layer.
    fn forget_from(&mut self, start: usize) {
        let (before, new) = self.applied.split_at_mut(start);
        let mut layers: BTreeSet<usize> = before.iter().map(|applied| applied.layer).collect();
        for applied in new {
            if !layers.insert(applied.layer) {
                applied.original = None;
            }
        }
    }

    fn undo_to(&mut self, keep: usize) {
        for Applied { layer, original, .. } in self.applied.drain(keep..).rev() {
            if let Some(original) = original {
                original.restore(self.model.down_projection_mut(layer));
            }
        }
    }

    /// The number of the last edit on the model at some layers.
    fn last_applied(&self, layers: Range<usize>) -> usize {
        let at_layers = self.applied.iter().rev().find(|applied| layers.contains(&applied.layer));
        at_layers.map_or(0, |applied| applied.number)
    }

    /// Returns what an earlier request at a layer has left, as far as it holds for the model as it
    /// is now.
    fn held(&self, layer: usize) -> Option<Prefixes> {
        let held = self.prefixes.get(&layer)?;
        if held.below != self.last_applied(0..layer) {
            return None;
        }
        match held.above == self.last_applied(0..usize::MAX) {
            true => Some(held.prefixes.clone()),
            false => Some(held.prefixes.below()),
        }
    }
}
