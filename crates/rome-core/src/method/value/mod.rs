//! The value: δ, optimised until the model predicts the target (Meng et al. 2022, eq. 4), of one request or of
//! several at once.

mod capture;
mod loss;
mod objective;
mod optimizer;
mod prefixes;
mod suffixes;
mod worker_rows;

pub use capture::{Capture, CapturedRequest, ShiftedPart};
pub use optimizer::{Value, ValueOptimizer, ValueSettings};
pub use prefixes::Prefixes;
