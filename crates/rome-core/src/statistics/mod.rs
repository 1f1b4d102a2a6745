//! The second moment C of keys, and C x = k.

mod cholesky;
mod convergence;
mod keys;
mod second_moment;

pub use cholesky::{CholeskyFactor, SolveError};
pub use convergence::Convergence;
pub use keys::KeyPass;
pub use second_moment::{NotFinite, SecondMoment};
