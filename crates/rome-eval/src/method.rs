//! Ways of writing a fact into a model, so that they can be compared.

use rome_core::edit::EditError;
use rome_core::{CausalLm, Editor, Request};

/// A way of writing facts into a model, one at a time.
pub trait Method {
    /// The model, as it is now.
    fn model(&self) -> &dyn CausalLm;

    /// The lowest layer that an edit changes; `None` if none ever does.
    fn lowest_layer(&self) -> Option<usize>;

    /// Edits the model.
    ///
    /// # Errors
    /// When the request makes no sense or the edit fails; the model is as it was before then.
    fn edit(&mut self, request: &Request) -> Result<(), EditError>;

    /// Takes the edit back, to the bit.
    fn undo(&mut self);
}

/// ROME in any of its variants.
impl Method for Editor<'_> {
    fn model(&self) -> &dyn CausalLm {
        self.model()
    }

    fn lowest_layer(&self) -> Option<usize> {
        self.config().layers.iter().copied().min()
    }

    fn edit(&mut self, request: &Request) -> Result<(), EditError> {
        self.edit(request, &mut |_| ()).map(|_| ())
    }

    fn undo(&mut self) {
        self.undo();
    }
}

/// No edit at all: what the others are to be compared with.
pub struct Unedited<'a>(pub &'a dyn CausalLm);

impl Method for Unedited<'_> {
    fn model(&self) -> &dyn CausalLm {
        self.0
    }

    fn lowest_layer(&self) -> Option<usize> {
        None
    }

    fn edit(&mut self, _request: &Request) -> Result<(), EditError> {
        Ok(())
    }

    fn undo(&mut self) {}
}
