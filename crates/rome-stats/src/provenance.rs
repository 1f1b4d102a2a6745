//! How a second moment came about.

use rome_core::{Environment, ModelHash};
use serde::{Deserialize, Serialize};

use crate::sequences::Sequences;
use crate::shard::Shards;

/// How a second moment came about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hash of the model. An npz names none.
    pub model_hash: Option<ModelHash>,
    /// The layer. An npz names none inside.
    pub layer: Option<usize>,
    /// A hash over all documents, in order.
    pub corpus_hash: Option<String>,
    /// How many documents were read.
    pub documents: u64,
    /// Where a document is cut, in tokens.
    pub max_tokens: Option<usize>,
    /// How documents became sequences.
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
