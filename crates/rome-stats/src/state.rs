//! The state of a collection, as a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use rome_core::{Convergence, Environment, ModelHash, SecondMoment};
use serde::{Deserialize, Serialize};

use crate::collection::{CollectionProgress, CollectionSettings};
use crate::error::StatsError;
use crate::tensor_reader::TensorReader;
use crate::tensor_writer::{NamedTensor, OutputTensor, TensorFile};
use crate::watch::{Snapshot, Watch, WatchedMoment};

/// The metadata key of the record.
const RECORD: &str = "rome-stats-state";

/// The version of the format.
const FORMAT_VERSION: u32 = 2;

/// The lower triangle of `Σ k kᵀ`, `[d_ff (d_ff + 1) / 2]`, f64.
const SUM: &str = "sum";
/// `Watch::probes`, f32.
const PROBES: &str = "probes";
/// `Snapshot::lower`, f32.
const EARLIER: &str = "earlier";
/// `Snapshot::directions`, f64.
const DIRECTIONS: &str = "directions";

/// The state of a [`Collector`](crate::Collector): all that it needs to go on.
pub struct CollectionState<'a> {
    pub(crate) model_hash: Cow<'a, ModelHash>,
    pub(crate) settings: Cow<'a, CollectionSettings>,
    pub(crate) progress: Cow<'a, CollectionProgress>,
    /// Over the documents seen so far.
    pub(crate) corpus_hash: String,
    pub(crate) environment: Option<Environment>,
    pub(crate) moments: Cow<'a, BTreeMap<usize, WatchedMoment>>,
}

#[derive(Serialize, Deserialize)]
struct StateRecord<'a> {
    format_version: u32,
    model_hash: Cow<'a, ModelHash>,
    settings: Cow<'a, CollectionSettings>,
    progress: Cow<'a, CollectionProgress>,
    corpus_hash: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    d_ff: usize,
    /// Tokens that are in the sums.
    count: u64,
    /// By layer.
    watches: BTreeMap<usize, WatchRecord>,
}

#[derive(Serialize, Deserialize)]
struct WatchRecord {
    next: u64,
    #[serde(rename = "changes")]
    convergence: Vec<Convergence>,
}

impl CollectionState<'_> {
    /// Writes it to a file, with no more than one layer's sum held twice. A caller that wants the
    /// old state or the new one, whatever happens, gives a temporary file and renames it.
    ///
    /// # Errors
    /// [`StatsError`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StatsError> {
        let first = self.moments.values().next().map(|watched| &watched.moment);
        let watch = |watched: &WatchedMoment| WatchRecord {
            next: watched.watch.next,
            convergence: watched.watch.convergence.clone(),
        };
        let record = StateRecord {
            format_version: FORMAT_VERSION,
            model_hash: Cow::Borrowed(&self.model_hash),
            settings: Cow::Borrowed(&self.settings),
            progress: Cow::Borrowed(&self.progress),
            corpus_hash: Cow::Borrowed(&self.corpus_hash),
            environment: self.environment.clone(),
            d_ff: first.map_or(0, SecondMoment::d_ff),
            count: first.map_or(0, SecondMoment::count),
            watches: self.moments.iter().map(|(&layer, watched)| (layer, watch(watched))).collect(),
        };
        let tensors = self.moments.iter().flat_map(|(&layer, watched)| tensors(layer, watched)).collect();
        TensorFile::new(RECORD, &record, tensors)?.write(path)
    }
}

impl CollectionState<'static> {
    /// Reads it from a file, tensor by tensor.
    ///
    /// # Errors
    /// [`StatsError::State`] for anything but a state, and for one of another version of its format.
    pub fn read(path: &Path) -> Result<Self, StatsError> {
        Self::read_from(path).map_err(|error| match error {
            StatsError::Format(reason) => StatsError::State { path: path.to_owned(), reason },
            error @ StatsError::Version { .. } => {
                StatsError::State { path: path.to_owned(), reason: error.to_string() }
            }
            error => error,
        })
    }

    fn read_from(path: &Path) -> Result<Self, StatsError> {
        let wrong = |reason: &str| StatsError::Format(reason.to_owned());
        let mut reader = TensorReader::open(path)?;
        let record: StateRecord<'_> = reader.record(RECORD, FORMAT_VERSION)?;
        let mut moments = BTreeMap::new();
        for (&layer, watch) in &record.watches {
            let lower: Vec<f64> = reader.values(&name(layer, SUM))?;
            let moment = SecondMoment::from_lower(record.d_ff, record.count, &lower);
            let moment = moment.ok_or_else(|| wrong("a sum is not a triangle"))?;
            let earlier = if reader.info(&name(layer, EARLIER)).is_some() {
                Some(Snapshot {
                    lower: reader.values(&name(layer, EARLIER))?,
                    directions: reader.values(&name(layer, DIRECTIONS))?,
                })
            } else {
                None
            };
            let watch = Watch {
                next: watch.next,
                probes: reader.values(&name(layer, PROBES))?,
                earlier,
                convergence: watch.convergence.clone(),
            };
            let watched = WatchedMoment { moment, watch };
            if !watched.is_sound() {
                return Err(wrong("what it watches is of another size"));
            }
            moments.insert(layer, watched);
        }
        if !moments.keys().eq(&record.settings.layers) {
            return Err(wrong("its sums are not of its layers"));
        }
        Ok(Self {
            model_hash: Cow::Owned(record.model_hash.into_owned()),
            settings: Cow::Owned(record.settings.into_owned()),
            progress: Cow::Owned(record.progress.into_owned()),
            corpus_hash: record.corpus_hash.into_owned(),
            environment: record.environment,
            moments: Cow::Owned(moments),
        })
    }
}

/// The tensors of a layer.
fn tensors(layer: usize, watched: &WatchedMoment) -> Vec<NamedTensor<'_>> {
    let WatchedMoment { moment, watch } = watched;
    let mut tensors = vec![
        (name(layer, SUM), OutputTensor::triangle(moment.d_ff(), || moment.lower())),
        (name(layer, PROBES), OutputTensor::new(vec![watch.probes.len()], &watch.probes)),
    ];
    if let Some(Snapshot { lower, directions }) = &watch.earlier {
        tensors.push((name(layer, EARLIER), OutputTensor::new(vec![lower.len()], lower)));
        tensors.push((name(layer, DIRECTIONS), OutputTensor::new(vec![directions.len()], directions)));
    }
    tensors
}

fn name(layer: usize, part: &str) -> String {
    format!("layer.{layer}.{part}")
}
