//! What a collection has come to, as a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use rome_core::{Environment, SecondMoment};
use serde::{Deserialize, Serialize};

use crate::collect::Settings;
use crate::convergence::{Snapshot, Watch, WatchedMoment};
use crate::tensors::{Reader, Values, write};
use crate::{Change, StatsError};

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

/// What a [`Collector`](crate::Collector) has come to: all that it needs to go on.
pub struct State<'a> {
    pub(crate) model_hash: Cow<'a, str>,
    pub(crate) settings: Cow<'a, Settings>,
    pub(crate) progress: Cow<'a, Progress>,
    /// Over the documents seen so far.
    pub(crate) corpus_hash: String,
    pub(crate) environment: Option<Environment>,
    pub(crate) moments: Cow<'a, BTreeMap<usize, WatchedMoment>>,
}

/// How far a collection is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Documents of the corpus that have been seen, those of other shards among them.
    pub(crate) n_seen: u64,
    /// Documents that have been taken.
    pub(crate) n_documents: u64,
    pub(crate) n_tokens: u64,
    /// Sequences that wait until there are enough to run together.
    pub(crate) waiting: Vec<Vec<u32>>,
    /// The beginning of a packed sequence that is not full yet.
    pub(crate) rest: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    format_version: u32,
    model_hash: Cow<'a, str>,
    settings: Cow<'a, Settings>,
    progress: Cow<'a, Progress>,
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
    changes: Vec<Change>,
}

impl State<'_> {
    /// Writes it to a file, with no more than one layer's sum held twice. A caller that wants the
    /// old state or the new one, whatever happens, gives a temporary file and renames it.
    ///
    /// # Errors
    /// [`StatsError`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StatsError> {
        let first = self.moments.values().next().map(|watched| &watched.moment);
        let watch = |watched: &WatchedMoment| WatchRecord {
            next: watched.watch.next,
            changes: watched.watch.changes.clone(),
        };
        let record = Record {
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
        let mut tensors = Vec::new();
        for (layer, WatchedMoment { moment, watch }) in self.moments.iter() {
            tensors.push((name(*layer, SUM), Values::triangle(moment.d_ff(), || Box::new(moment.lower()))));
            tensors.push((name(*layer, PROBES), Values::F32(&watch.probes)));
            if let Some(Snapshot { lower, directions }) = &watch.earlier {
                tensors.push((name(*layer, EARLIER), Values::F32(lower)));
                tensors.push((name(*layer, DIRECTIONS), Values::F64(directions)));
            }
        }
        write(path, RECORD, &record, tensors)
    }
}

impl State<'static> {
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
        let mut reader = Reader::open(path)?;
        let record: Record<'_> = reader.record(RECORD, FORMAT_VERSION)?;
        let mut moments = BTreeMap::new();
        for (&layer, watch) in &record.watches {
            let lower: Vec<f64> = reader.values(&name(layer, SUM))?;
            let moment = SecondMoment::from_lower(record.d_ff, record.count, &lower);
            let moment = moment.ok_or_else(|| wrong("a sum is not a triangle"))?;
            let earlier = match reader.has(&name(layer, EARLIER)) {
                false => None,
                true => Some(Snapshot {
                    lower: reader.values(&name(layer, EARLIER))?,
                    directions: reader.values(&name(layer, DIRECTIONS))?,
                }),
            };
            let watch = Watch {
                next: watch.next,
                probes: reader.values(&name(layer, PROBES))?,
                earlier,
                changes: watch.changes.clone(),
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

fn name(layer: usize, part: &str) -> String {
    format!("layer.{layer}.{part}")
}
