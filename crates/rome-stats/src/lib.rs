//! The second moment of keys, `C = E[k kᵀ]`: collected from text, stored with its provenance.
//!
//! ROME writes a value along `C⁻¹k`, so an edit needs C of the layer it edits. It depends on the
//! model and, weakly, on the text; it is computed once and kept.
//!
//! * [`Collector`] runs text through a model and sums `k kᵀ`, for any set of layers in one pass, and tells by
//!   [`Convergence`](rome_core::Convergence) whether the text is enough;
//! * [`Corpus`] cuts files into documents;
//! * [`CollectionState`] keeps a collection, to go on with it after an interruption;
//! * [`Shard`] is a part of a corpus, so that machines can share the work;
//! * [`Statistics`] is the sum with its provenance, stored as safetensors, and [`write_factor`] keeps the
//!   factor of C beside it;
//! * [`npz`] reads and writes the caches of kmeng01/rome.

mod collection;
mod collector;
mod corpus;
mod document;
mod error;
mod factor;
mod merge;
pub mod npz;
mod provenance;
mod sequences;
mod shard;
mod state;
mod statistics;
mod statistics_file;
mod stored_value;
mod tensor_reader;
mod tensor_writer;
mod text_file;
mod watch;

pub use collector::{Collector, TextTaken};
pub use corpus::Corpus;
pub use document::{Document, DocumentPart};
pub use error::StatsError;
pub use factor::{read_factor, write_factor};
pub use provenance::Provenance;
pub use sequences::Sequences;
pub use shard::{Shard, Shards};
pub use state::CollectionState;
pub use statistics::Statistics;
pub use statistics_file::SumFormat;
