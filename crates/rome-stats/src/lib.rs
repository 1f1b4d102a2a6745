//! The second moment of keys, `C = E[k kᵀ]`: collected from text, stored with its provenance.
//!
//! ROME writes a value along `C⁻¹k`, so an edit needs C of the layer it edits. It depends on the
//! model and, weakly, on the text; it is computed once and kept.
//!
//! * [`Collector`] runs text through a model and sums `k kᵀ`, for any set of layers in one pass;
//! * [`corpus`] cuts files into documents;
//! * [`State`] is what a collection has come to, to go on from after an interruption;
//! * [`Shard`] is a part of a corpus, so that machines can share the work;
//! * [`Change`] says how much a sum still changes, and so whether it is enough;
//! * [`Statistics`] is the result with all that made it, stored as safetensors, and
//!   [`write_factor`] keeps beside it what solving with it takes;
//! * [`npz`] reads and writes the caches of kmeng01/rome.

pub mod collect;
pub mod convergence;
pub mod corpus;
pub mod error;
mod factor;
pub mod npz;
mod reader;
pub mod shard;
pub mod state;
pub mod statistics;
mod store;
mod tensors;

pub use collect::Collector;
pub use convergence::Change;
pub use corpus::{Corpus, Document};
pub use error::StatsError;
pub use factor::{read_factor, write_factor};
pub use shard::{Shard, Shards};
pub use state::State;
pub use statistics::{Packing, Provenance, Sequences, Statistics};
