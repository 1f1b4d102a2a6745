//! Edits a model request by request.

use std::sync::Arc;

use super::undo::Undo;
use crate::method::rome::RomeConfig;
use crate::method::{Edit, EditError, EditMethod, EditableModel, Rome};
use crate::model::CausalLm;
use crate::observer::Observer;
use crate::request::{Context, KlPrompt, Request, TokenizedRequest, Tokenizer};
use crate::statistics::CholeskyFactor;

/// Edits a model by a method: each request on the model as the ones before have left it.
///
/// The model stays edited; [`undo`](Self::undo) gives its bytes back.
pub struct Editor<'a> {
    model: EditableModel<'a>,
    tokenizer: &'a dyn Tokenizer,
    method: Box<dyn EditMethod + 'a>,
    contexts: Vec<Context>,
    kl_prompts: Vec<KlPrompt>,
}

impl<'a> Editor<'a> {
    /// Edits by ROME.
    ///
    /// Starts with the prompt itself as the only context, and the reference's KL prompt.
    /// [`request::sample`](crate::request::sample) makes the contexts of the paper.
    ///
    /// # Errors
    /// When the settings do not fit the model.
    pub fn new(
        model: &'a mut dyn CausalLm,
        tokenizer: &'a dyn Tokenizer,
        config: RomeConfig,
    ) -> Result<Self, EditError> {
        Self::with_method(model, tokenizer, Box::new(Rome::new(config)))
    }

    /// Edits by any method.
    ///
    /// # Errors
    /// When the method's settings do not fit the model.
    pub fn with_method(
        model: &'a mut dyn CausalLm,
        tokenizer: &'a dyn Tokenizer,
        method: Box<dyn EditMethod + 'a>,
    ) -> Result<Self, EditError> {
        method.check(model)?;
        Ok(Self {
            model: EditableModel::new(model),
            tokenizer,
            method,
            contexts: vec![Context::clean()],
            kl_prompts: vec![KlPrompt::essence()],
        })
    }

    /// Uses exactly these contexts.
    #[must_use]
    pub fn contexts(mut self, contexts: Vec<Context>) -> Self {
        self.contexts = contexts;
        self
    }

    /// Uses exactly these KL prompts; none turns the KL term off.
    #[must_use]
    pub fn kl_prompts(mut self, kl_prompts: Vec<KlPrompt>) -> Self {
        self.kl_prompts = kl_prompts;
        self
    }

    /// Gives the factor of C at a layer, which may be shared. Methods that need C need one for each layer.
    #[must_use]
    pub fn statistics(mut self, layer: usize, factor: impl Into<Arc<CholeskyFactor>>) -> Self {
        self.model.set_factor(layer, factor.into());
        self
    }

    /// Edits the model by one request and returns the edit of each layer.
    ///
    /// # Errors
    /// [`EditError`]; the model is then as it was before this request.
    pub fn edit(&mut self, request: &Request, observer: &mut dyn Observer) -> Result<Vec<Edit>, EditError> {
        let tokenized = self.tokenize(request)?;
        self.edit_tokenized(&tokenized, observer)
    }

    /// Edits the model by a request that was [tokenized](Self::tokenize) already.
    ///
    /// # Errors
    /// As [`edit`](Self::edit).
    pub fn edit_tokenized(
        &mut self,
        request: &TokenizedRequest,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        self.edit_together(std::slice::from_ref(request), observer)
    }

    /// Edits the model by several requests at once, as methods for many facts do; others edit in turn.
    ///
    /// # Errors
    /// As [`edit`](Self::edit); the model is then as it was before all of them.
    pub fn edit_together(
        &mut self,
        requests: &[TokenizedRequest],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        let Self { model, method, .. } = self;
        model.attempt(|model| method.edit(model, requests, observer))
    }

    /// The method.
    pub fn method(&self) -> &dyn EditMethod {
        self.method.as_ref()
    }

    /// Returns the rows that a request is edited over.
    ///
    /// # Errors
    /// When the request, a context or a KL prompt makes no sense.
    pub fn tokenize(&self, request: &Request) -> Result<TokenizedRequest, EditError> {
        let shape = self.model.model().shape();
        Ok(TokenizedRequest::new(request, &self.contexts, &self.kl_prompts, self.tokenizer, shape)?)
    }

    /// The model as it is now.
    pub fn model(&self) -> &dyn CausalLm {
        self.model.model()
    }

    /// Takes back every edit made so far, to the bit.
    pub fn undo(&mut self) {
        self.model.undo();
    }

    /// Leaves the edits on the model and returns what undoes them.
    pub fn into_undo(self) -> Undo {
        self.model.into_undo()
    }
}
