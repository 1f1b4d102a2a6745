//! Shards of a collection, added up.

use std::path::{Path, PathBuf};

use rome_core::{Event, Observer, Progress, Unit};
use rome_stats::{Statistics, StatsError, SumFormat};
use serde::Serialize;

use super::file;
use crate::error::Error;

/// Files of shards of one collection, to be added up.
#[derive(Debug, Clone)]
pub struct MergeStatistics {
    /// The files, in any order.
    pub files: Vec<PathBuf>,
    /// The file to write.
    pub output: PathBuf,
    /// The format of the stored sum.
    pub format: SumFormat,
}

/// A sum over shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MergeReport {
    /// The number of tokens in it.
    pub tokens: u64,
    /// The number of documents in it.
    pub documents: u64,
    /// The file that was written.
    pub file: PathBuf,
    /// The number of shards that are missing.
    pub missing_shards: usize,
}

impl MergeStatistics {
    /// Adds up the shards and writes their sum. No more than the sum and one file are held at a time.
    ///
    /// # Errors
    /// When the files are not of one collection, a shard comes twice, or `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<MergeReport, Error> {
        rome_files::check_writable(&self.output)?;
        let files = self.by_shard()?;
        let mut sum: Option<Statistics> = None;
        for (done, path) in (0..).zip(&files) {
            let (total, detail) = (files.len() as u64, path.display().to_string());
            observer.tell(Event::Progress(Progress { unit: Unit::Shards, done, total, detail: &detail }))?;
            let part = file::read(path)?;
            sum = Some(match sum {
                None => part,
                Some(sum) => sum.merge(&part).map_err(|error| Error::from(error).at(path.display()))?,
            });
        }
        let sum = sum.ok_or(StatsError::Empty)?;
        file::write(&self.output, &sum, self.format)?;
        let shards = sum.provenance.shards.as_ref();
        Ok(MergeReport {
            tokens: sum.moment.count(),
            documents: sum.provenance.documents,
            file: self.output.clone(),
            missing_shards: shards.map_or(0, |shards| shards.of as usize - shards.indices.len()),
        })
    }

    /// The files in the order of their shards, so that the sum does not depend on the order that they are
    /// given in.
    fn by_shard(&self) -> Result<Vec<&Path>, Error> {
        let mut files = Vec::new();
        for path in &self.files {
            let shards = file::read_provenance(path)?.shards;
            files.push((shards.and_then(|shards| shards.indices.first().copied()), path.as_path()));
        }
        files.sort();
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }
}
