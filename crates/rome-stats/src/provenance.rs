//! The provenance of a second moment.

use rome_core::{Environment, ModelHash};
use serde::{Deserialize, Serialize};

use crate::sequences::Sequences;
use crate::shard::Shards;

/// The provenance of a second moment: text, model and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hash of the model. An npz names none.
    pub model_hash: Option<ModelHash>,
    /// The layer. An npz names none inside.
    pub layer: Option<usize>,
    /// A hash over all documents, in order.
    pub corpus_hash: Option<String>,
    /// The number of documents that were read.
    pub documents: u64,
    /// The number of tokens that a document is cut to.
    pub max_tokens: Option<usize>,
    /// The way that documents became sequences.
    #[serde(default)]
    pub sequences: Sequences,
    /// The shards of the corpus that were summed, if not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The type of the products that were summed.
    pub dtype: String,
    /// The program that made it.
    pub made_by: String,
    /// The machine and the program that computed it, if all of it was computed by the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}
