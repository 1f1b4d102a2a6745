//! One file a command: arguments, then a call of the library, then a table or JSON.

pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod ledger;
pub(crate) mod logits;
pub(crate) mod stats;
pub(crate) mod suggest;
pub(crate) mod trace;
pub(crate) mod verify;
