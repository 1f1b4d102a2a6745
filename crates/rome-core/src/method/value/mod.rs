//! The value: δ, optimised until the model predicts the target (Meng et al. 2022, eq. 4), of one request or of
//! several at once.

mod capture;
mod loss;
mod objective;
mod optimizer;
mod prefixes;
mod settings;
mod shifted_part;
mod suffixes;
mod worker_rows;

pub use capture::{Capture, CapturedRequest};
pub use optimizer::{Value, ValueOptimizer};
pub use prefixes::Prefixes;
pub use settings::ValueSettings;
pub use shifted_part::ShiftedPart;
