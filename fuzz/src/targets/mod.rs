//! The ways in, by kind.

mod arrays;
mod checkpoint;
mod config;
mod corpus;
mod data;
mod edits;
mod index;
mod ledger;
mod model;
mod pytorch;
mod requests;
mod results;
mod statistics;
mod text;
mod tokenizer;

use crate::Target;

/// All ways in.
pub static ALL: [&Target; 26] = [
    &checkpoint::CHECKPOINT,
    &checkpoint::EXPORT,
    &index::INDEX,
    &config::CONFIG,
    &config::HPARAMS,
    &tokenizer::JSON,
    &tokenizer::BPE,
    &pytorch::PYTORCH,
    &statistics::NPZ,
    &statistics::STATISTICS,
    &statistics::FACTOR,
    &statistics::STATE,
    &corpus::CORPUS,
    &edits::EDITS,
    &arrays::NPZ,
    &arrays::SAFETENSORS,
    &requests::REQUESTS,
    &text::TEXT,
    &data::COUNTERFACT,
    &data::ZSRE,
    &data::KNOWN,
    &data::FACTS,
    &data::SNIPPETS,
    &data::NOISE,
    &results::RESULTS,
    &ledger::LEDGER,
];

/// Finds a way in by its name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.into_iter().find(|target| target.name == name)
}
