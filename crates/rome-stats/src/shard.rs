//! Parts of a corpus.

use std::fmt;
use std::str::FromStr;

use rome_core::Environment;
use serde::{Deserialize, Serialize};

use crate::{Statistics, StatsError};

/// Every `of`-th document of a corpus, from document `index` on. What a document says does not
/// matter to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// How many shards there are.
    pub of: u32,
}

/// The shards of a corpus that a sum is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// How many there are.
    pub of: u32,
    /// Those that are in the sum, in order.
    pub indices: Vec<u32>,
}

impl Shard {
    /// Whether a document is in it, by its place in the corpus, from 0.
    pub fn takes(self, document: u64) -> bool {
        document % u64::from(self.of) == u64::from(self.index)
    }
}

impl Shards {
    /// Whether they are some of so many, each once and in order, as a file should say.
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

impl Statistics {
    /// Adds the sum over other shards of the same corpus. Once all shards are there, the
    /// statistics are those of the corpus, but for [`changes`](Self::changes).
    ///
    /// # Errors
    /// [`StatsError::Merge`] when they are not of one collection, or a shard comes twice.
    pub fn merge(mut self, part: &Self) -> Result<Self, StatsError> {
        let of_shards = |statistics: &Self| {
            let shards = statistics.provenance.shards.clone();
            shards.ok_or_else(|| StatsError::Merge("one of them is not of a shard".to_owned()))
        };
        let (mut of_sum, of_part) = (of_shards(&self)?, of_shards(part)?);
        check(&self, &of_sum, part, &of_part)?;
        self.moment.merge(&part.moment);
        // They tell of one shard's tokens each, and not of the sum's.
        self.changes.clear();
        self.provenance.documents += part.provenance.documents;
        self.provenance.environment =
            Environment::common(self.provenance.environment, part.provenance.environment.as_ref());
        of_sum.indices.extend(of_part.indices);
        of_sum.indices.sort_unstable();
        let is_whole = of_sum.indices.len() == of_sum.of as usize;
        self.provenance.shards = (!is_whole).then_some(of_sum);
        Ok(self)
    }
}

/// Checks that a part may be added to a sum.
fn check(sum: &Statistics, of_sum: &Shards, part: &Statistics, of_part: &Shards) -> Result<(), StatsError> {
    let (a, b) = (&sum.provenance, &part.provenance);
    let differ = [
        (a.model_hash != b.model_hash, "models"),
        (a.layer != b.layer || sum.moment.d_ff() != part.moment.d_ff(), "layers"),
        (a.corpus_hash != b.corpus_hash, "corpora"),
        (
            a.max_tokens != b.max_tokens || a.sequences != b.sequences || a.dtype != b.dtype,
            "settings of collection",
        ),
        (of_sum.of != of_part.of, "numbers of shards"),
    ];
    if let Some((_, what)) = differ.iter().find(|(differ, _)| *differ) {
        return Err(StatsError::Merge(format!("they are of different {what}")));
    }
    match of_part.indices.iter().find(|index| of_sum.indices.contains(index)) {
        Some(index) => Err(StatsError::Merge(format!("shard {index} comes twice"))),
        None => Ok(()),
    }
}
