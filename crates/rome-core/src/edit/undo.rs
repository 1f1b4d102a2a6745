//! Undoes edits.

use super::rank_one::Original;
use crate::model::CausalLm;

/// The original weight of each edited layer, to undo edits.
#[derive(Debug, Default)]
pub struct Undo(Vec<(usize, Original)>);

impl Undo {
    /// Takes the weights as they were, oldest first.
    pub fn new(originals: Vec<(usize, Original)>) -> Self {
        Self(originals)
    }

    /// Keeps the weight that a layer had before an edit, unless an earlier edit has left an older one.
    pub(crate) fn keep(&mut self, layer: usize, original: Original) {
        if self.0.iter().all(|(other, _)| *other != layer) {
            self.0.push((layer, original));
        }
    }

    /// Puts the weights back, to the bit.
    pub fn restore(self, model: &mut dyn CausalLm) {
        for (layer, original) in self.0.into_iter().rev() {
            original.restore(model.down_projection_mut(layer));
        }
    }
}
