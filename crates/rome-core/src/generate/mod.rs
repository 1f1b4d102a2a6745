//! Text from a model, one token at a time.

mod generation;
mod sampling;

pub use generation::{Generation, NotFiniteLogits, generate};
pub use sampling::{Decoding, argmax, top_k};
