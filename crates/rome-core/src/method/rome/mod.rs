//! Rank-One Model Editing (Meng et al. 2022) and its variants.

mod config;
mod formula;
mod hparams;
mod layer_edit;
mod method;

pub use config::{ConfigError, RomeConfig, Variant};
pub use hparams::{HyperParamFields, HyperParams};
pub use layer_edit::{LayerEdit, LayerProblem};
pub use method::Rome;
