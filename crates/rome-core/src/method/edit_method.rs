//! The interface of an editing method.

use super::{Edit, EditError, EditableModel, MethodSettings};
use crate::observer::Observer;
use crate::request::TokenizedRequest;

/// A way of computing edits, such as ROME or fine-tuning.
///
/// A method of your own works wherever one of ours does: in [`Editor`](crate::Editor), and in whatever
/// is built on it.
pub trait EditMethod: Send {
    /// The name that records and tables use, such as `rome` or `ft-l`.
    fn name(&self) -> &str;

    /// The settings, as a record keeps them.
    fn settings(&self) -> MethodSettings;

    /// The layers whose weights it changes, in the order it changes them.
    fn layers(&self) -> &[usize];

    /// True if it needs the second moment C of its layers.
    fn needs_statistics(&self) -> bool {
        true
    }

    /// True if it reads a request's contexts and KL prompts, beside its prompt and target.
    fn needs_contexts(&self) -> bool {
        true
    }

    /// Checks the settings against a model.
    ///
    /// # Errors
    /// [`EditError`] when a layer or a number makes no sense for it.
    fn check(&self, model: &dyn crate::CausalLm) -> Result<(), EditError> {
        let n_layers = model.shape().n_layers;
        match self.layers().iter().find(|&&layer| layer >= n_layers) {
            Some(&layer) => Err(EditError::Layer { layer, n_layers }),
            None => Ok(()),
        }
    }

    /// Edits a model by some requests: computes an update for each weight and
    /// [applies](EditableModel::apply) it.
    ///
    /// # Errors
    /// [`EditError`]; whoever called takes off again what was put on the model.
    fn edit(
        &mut self,
        model: &mut EditableModel<'_>,
        requests: &[TokenizedRequest],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError>;
}
