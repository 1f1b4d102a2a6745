//! Sums over shards, added up.

use rome_core::Environment;

use crate::error::StatsError;
use crate::shard::Shards;
use crate::statistics::Statistics;

impl Statistics {
    /// Adds the sum over other shards of the same corpus. Once all shards are there, the
    /// statistics are those of the corpus, but for [`convergence`](Self::convergence).
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
        self.convergence.clear();
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
