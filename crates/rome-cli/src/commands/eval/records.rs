//! The records that a model is evaluated on.

use std::path::Path;

use anyhow::Result;
use rome_eval::{Dataset, Facts, Record};
use rome_session::Model;
use rome_stats::Shard;

use crate::error::CliError;
use crate::output::note;

/// The seed of the order of a bundled model's own facts.
pub(crate) const BUNDLED_ORDER: u64 = 0;

/// The records that a model is evaluated on.
pub(crate) struct Records {
    pub(crate) list: Vec<Box<dyn Record>>,
    /// What is wrong with those that are left out.
    pub(crate) faults: Vec<String>,
    /// The hash of all of them, whichever of them are taken.
    pub(crate) hash: String,
    /// The part of them that is taken, if not all of them.
    pub(crate) shard: Option<Shard>,
}

impl Records {
    /// Reads the records of a file, or makes some of the facts that a bundled model has.
    pub(crate) fn of(
        model: &Model,
        dataset: Dataset,
        data: Option<&Path>,
        limit: Option<usize>,
        shard: Option<Shard>,
        keep_going: bool,
    ) -> Result<Self> {
        let limit = limit.unwrap_or(usize::MAX);
        let takes = |index: &usize| shard.is_none_or(|shard| shard.takes(*index as u64));
        let (mut list, mut faults) = (Vec::new(), Vec::new());
        let (read, hash) = match data {
            Some(path) => {
                let (read, bytes) = dataset.read(path)?;
                (read, blake3::hash(&bytes))
            }
            None => {
                let records = bundled(model, dataset)?.records(BUNDLED_ORDER).into_iter();
                let records = records.map(|record| Ok(Box::new(record) as Box<dyn Record>));
                (records.collect(), blake3::hash(rome_assets::FACTS))
            }
        };
        for (_, record) in read.into_iter().take(limit).enumerate().filter(|(index, _)| takes(index)) {
            match record {
                Ok(record) => list.push(record),
                Err(error) if keep_going => {
                    note(format!("left out: {error}"));
                    faults.push(error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if list.is_empty() {
            return Err(CliError::with_hint(
                "there are no records to evaluate",
                "give a file that has some with --data, or another --limit or --shard",
            ));
        }
        Ok(Self { list, faults, hash: hash.to_hex().to_string(), shard })
    }
}

/// The facts that a bundled model has.
pub(crate) fn bundled(model: &Model, dataset: Dataset) -> Result<Facts> {
    if model.bundled.is_none() || dataset != Dataset::CounterFact {
        let name = dataset.name();
        return Err(CliError::with_hint(
            format!("there are no records of {name} for the model {:?}", model.name),
            format!("give a file of {name} with --data"),
        ));
    }
    Ok(Facts::from_json(rome_assets::FACTS)?)
}
