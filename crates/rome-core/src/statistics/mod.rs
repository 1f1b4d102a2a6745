//! The second moment C of keys, and what is solved with it: C x = k, and the least squares of many keys.

mod cholesky;
mod convergence;
mod keys;
mod least_squares;
mod metric;
mod null_space;
mod second_moment;

pub use cholesky::{CholeskyFactor, SolveError};
pub use convergence::Convergence;
pub use keys::KeyPass;
pub use least_squares::{Adjustment, LeastSquares, LeastSquaresError, Route};
pub use metric::Metric;
pub use null_space::{Leak, NullSpace, NullSpaceBound, NullSpaceError};
pub use second_moment::{NotFinite, SecondMoment};
