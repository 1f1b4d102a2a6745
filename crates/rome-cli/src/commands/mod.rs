pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod ledger;
pub(crate) mod logits;
pub(crate) mod stats;
