//! The records that a model is evaluated on.

use std::fs;
use std::path::{Path, PathBuf};

use rome_eval::{Dataset, Facts, Record};
use rome_files::{Claim, FileError};
use rome_stats::Shard;

use super::error::EvaluateError;
use crate::error::Error;
use crate::facts::{self, BUNDLED_ORDER};
use crate::model::Model;

/// A selection of a data set's records.
#[derive(Debug, Clone)]
pub struct RecordSelection {
    /// The data set.
    pub dataset: Dataset,
    /// The file of records; the facts of a bundled model by default.
    pub data: Option<PathBuf>,
    /// The number of records to take, the first ones; all by default.
    pub limit: Option<usize>,
    /// Takes one shard of these; all by default.
    pub shard: Option<Shard>,
    /// Leaves out records that are malformed or cannot be edited.
    pub keep_going: bool,
}

impl Default for RecordSelection {
    fn default() -> Self {
        Self { dataset: Dataset::CounterFact, data: None, limit: None, shard: None, keep_going: false }
    }
}

/// The records of a selection.
pub(crate) struct Records {
    pub(crate) selection: RecordSelection,
    pub(crate) list: Vec<Box<dyn Record>>,
    /// The faults of those that are left out.
    pub(crate) faults: Vec<String>,
    /// The hash of the whole file, whichever records are taken.
    pub(crate) hash: String,
}

impl RecordSelection {
    /// Reads the records of the file, or makes some of the facts that a bundled model has.
    pub(crate) fn read(&self, model: &Model) -> Result<Records, Error> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let takes = |index: &usize| self.shard.is_none_or(|shard| shard.takes(*index as u64));
        let (read, hash) = match &self.data {
            Some(path) => {
                let (read, text) = self.dataset.read(path)?;
                (read, blake3::hash(text.as_bytes()))
            }
            None => {
                let records = self.bundled(model)?.records(BUNDLED_ORDER).into_iter();
                let records = records.map(|record| Ok(Box::new(record) as Box<dyn Record>));
                (records.collect(), blake3::hash(rome_assets::FACTS))
            }
        };
        let (mut list, mut faults) = (Vec::new(), Vec::new());
        for (_, record) in read.into_iter().take(limit).enumerate().filter(|(index, _)| takes(index)) {
            match record {
                Ok(record) => list.push(record),
                Err(error) if self.keep_going => {
                    tracing::info!("left out: {error}");
                    faults.push(error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if list.is_empty() {
            return Err(EvaluateError::NoRecords.into());
        }
        Ok(Records { selection: self.clone(), list, faults, hash: hash.to_hex().to_string() })
    }

    /// The facts that a bundled model has.
    fn bundled(&self, model: &Model) -> Result<&'static Facts, Error> {
        let dataset = self.dataset;
        let facts = facts::bundled(model).filter(|_| dataset == Dataset::CounterFact);
        Ok(facts.ok_or_else(|| EvaluateError::NoBundledRecords { dataset, model: model.name.clone() })?)
    }
}

impl Records {
    /// Makes a folder, and those that it is in, and keeps other processes from writing into it, but for those
    /// of other shards.
    pub(super) fn claim(&self, folder: &Path) -> Result<Claim, FileError> {
        let failed = |error| FileError::WriteInto { folder: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(failed)?;
        let shard = self.selection.shard;
        let part = shard.map_or_else(String::new, |Shard { index, of }| format!("-{index}-of-{of}"));
        Claim::take_folder(folder, &part)
    }
}
