//! A collection under way: what makes it the same one, and how far it is.

use serde::{Deserialize, Serialize};

use crate::sequences::Sequences;
use crate::shard::Shard;

/// The settings that must be the same for sums to be those of one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CollectionSettings {
    pub(crate) layers: Vec<usize>,
    pub(crate) max_tokens: usize,
    pub(crate) sequences: Sequences,
    pub(crate) shard: Option<Shard>,
}

/// The progress of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CollectionProgress {
    /// Documents of the corpus that have been seen, those of other shards among them.
    pub(crate) n_seen: u64,
    /// Parts of the last one that have been seen after its first.
    #[serde(default)]
    pub(crate) n_continued: u64,
    /// Documents that have been taken.
    pub(crate) n_documents: u64,
    pub(crate) n_tokens: u64,
    /// Sequences that wait until there are enough to run together.
    pub(crate) waiting: Vec<Vec<u32>>,
    /// The beginning of a packed sequence that is not full yet.
    pub(crate) rest: Vec<u32>,
}
