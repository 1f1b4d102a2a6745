//! The whole of it: against the values of the original programs, and through the command line.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod alongside;
mod audits;
mod brought;
mod collecting;
mod command_line;
#[cfg(unix)]
mod documents;
mod edit_files;
mod evaluating;
mod exports;
mod fetching;
mod hostile;
mod ledgers;
mod many;
mod mass;
mod numbers;
mod output;
mod precision;
mod predecessor;
mod program;
mod reference;
mod repeated;
mod statistics;
mod together;
mod tracing;
mod traffic;
mod undo;
mod verifying;

use fixtures::Reference;
use rome_core::{CausalLm, CholeskyFactor, Context, KlPrompt, Request, TokenizedRequest, Tokenizer};
use rome_models::Pretrained;

fn load(name: &str) -> Pretrained {
    Pretrained::load(fixtures::model_folder(name).to_str().unwrap(), &fixtures::device()).unwrap()
}

/// The factor of the second moment that the reference saved itself.
fn factor(model: &str, layer: usize) -> CholeskyFactor {
    let file = std::fs::File::open(fixtures::npz(model, layer)).unwrap();
    CholeskyFactor::new(&rome_stats::npz::read(file).unwrap().moment).unwrap()
}

/// The contexts that the reference sampled.
fn contexts(model: &str) -> Vec<Context> {
    Reference::load(model).context_templates.into_iter().map(Context::Template).collect()
}

fn rows(
    model: &dyn CausalLm,
    tokenizer: &dyn Tokenizer,
    contexts: &[Context],
    request: &Request,
) -> TokenizedRequest {
    TokenizedRequest::new(request, contexts, &[KlPrompt::essence()], tokenizer, model.shape()).unwrap()
}
