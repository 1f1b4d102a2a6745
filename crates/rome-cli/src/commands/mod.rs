pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod generate;
pub(crate) mod logits;
pub(crate) mod stats;
