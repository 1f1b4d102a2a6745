//! Rank-One Model Editing (Meng et al. 2022) and its variants.

mod capture;
mod config;
mod formula;
mod hparams;
mod layer_edit;
mod loss;
mod method;
mod objective;
mod prefixes;
mod suffixes;
mod value;
mod worker_rows;

pub use capture::Capture;
pub use config::{ConfigError, RomeConfig, Variant};
pub use hparams::{HyperParamFields, HyperParams};
pub use layer_edit::{LayerEdit, LayerProblem};
pub use method::Rome;
pub use prefixes::Prefixes;
pub use value::{Value, ValueOptimizer};
