//! Parts of a corpus.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::StatsError;

/// Every `of`-th document of a corpus, from document `index` on. The content of a document does not
/// matter to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// The number of shards.
    pub of: u32,
}

/// The shards of a corpus that a sum is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// The number of shards.
    pub of: u32,
    /// The shards in the sum, in order.
    pub indices: Vec<u32>,
}

impl Shard {
    /// True if a document is in it, by its place in the corpus, from 0.
    pub fn takes(self, document: u64) -> bool {
        document % u64::from(self.of) == u64::from(self.index)
    }
}

impl Shards {
    /// True if they are some of this many shards, each once and in order, as in a valid file.
    pub(crate) fn are_sound(&self) -> bool {
        let in_order = self.indices.windows(2).all(|pair| pair[0] < pair[1]);
        in_order && self.indices.last().is_some_and(|&last| last < self.of)
    }
}

impl From<Shard> for Shards {
    fn from(shard: Shard) -> Self {
        Self { of: shard.of, indices: vec![shard.index] }
    }
}

/// `I/N`, from `0/N` to `N-1/N`.
impl FromStr for Shard {
    type Err = StatsError;

    fn from_str(text: &str) -> Result<Self, StatsError> {
        let wrong = || StatsError::Shard { text: text.to_owned() };
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Self { index: index.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
        if shard.index < shard.of { Ok(shard) } else { Err(wrong()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}
