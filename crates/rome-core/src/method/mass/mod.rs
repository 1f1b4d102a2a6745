//! Many facts at once: MEMIT, MEMIT-seq, AlphaEdit and EMMET (Meng et al. 2023; Fang et al. 2025; Gupta et al. 2024),
//! which are one least-squares solution at each layer with different metrics.

mod climb;
mod config;
mod error;
mod hparams;
mod method;
mod target_values;

pub use config::{MassConfig, MassMethod, Spread};
pub use error::MassError;
pub use hparams::MassHyperParams;
pub use method::MassEdit;
pub use target_values::{TargetValue, TargetValues};
