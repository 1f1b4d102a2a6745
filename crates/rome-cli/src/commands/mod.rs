/// A text of our own, in plain words, of which every model of English has seen the like.
pub(crate) const TEXT: &str = include_str!("text.txt");

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
