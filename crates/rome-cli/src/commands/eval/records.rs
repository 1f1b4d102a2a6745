//! The records that a model is evaluated on.

use std::path::Path;

use anyhow::Result;
use rome_eval::{Dataset, Facts, Record};
use rome_files::read_bounded;
use rome_session::Model;
use rome_stats::Shard;

use crate::error::CliError;
use crate::output::note;

/// The order of a bundled model's own facts.
const SEED: u64 = 0;

/// No data set comes near this.
const MAX_DATA: u64 = 1 << 30;

/// The records that a model is evaluated on.
pub(crate) struct Records {
    pub(crate) list: Vec<Box<dyn Record>>,
    /// What is wrong with those that are left out.
    pub(crate) faults: Vec<String>,
    /// The hash of all of them, whichever of them are taken.
    pub(crate) hash: String,
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
        let Some(path) = data else {
            let list = bundled(model, dataset)?.records(SEED).into_iter().take(limit).enumerate();
            let list = list.filter(|(index, _)| takes(index));
            let list = list.map(|(_, record)| Box::new(record) as Box<dyn Record>).collect();
            let hash = format!("facts of {}", model.name);
            return Ok(Self { list, faults: Vec::new(), hash });
        };
        let hash = blake3::hash(&read_bounded(path, MAX_DATA)?).to_hex().to_string();
        let (mut list, mut faults) = (Vec::new(), Vec::new());
        for (index, record) in dataset.read(path)?.into_iter().take(limit).enumerate() {
            match record {
                Ok(record) if takes(&index) => list.push(record),
                Ok(_) => (),
                Err(error) if keep_going => {
                    note(format!("left out: {error}"));
                    faults.push(error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if list.is_empty() {
            let message = format!("{} has no records to evaluate", path.display());
            return Err(CliError::with_hint(message, "give a file with some, or another --limit or --shard"));
        }
        Ok(Self { list, faults, hash })
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
