//! What a collection has come to, as a file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rome_core::SecondMoment;
use safetensors::tensor::{Dtype, Metadata, TensorView};
use serde::{Deserialize, Serialize};

use crate::StatsError;
use crate::collect::Settings;

/// The metadata key of the record.
const RECORD: &str = "rome-stats-state";

/// No header comes near this; it bounds what a lying length field can cost.
const MAX_HEADER: u64 = 64 << 20;

// Sums are written as they lie in memory, and safetensors are little-endian.
const _: () = assert!(cfg!(target_endian = "little"));

/// What a [`Collector`](crate::Collector) has come to: all that it needs to go on.
pub struct State<'a> {
    pub(crate) model_hash: Cow<'a, str>,
    pub(crate) settings: Cow<'a, Settings>,
    pub(crate) progress: Cow<'a, Progress>,
    /// Over the documents seen so far.
    pub(crate) corpus_hash: String,
    pub(crate) moments: Cow<'a, BTreeMap<usize, SecondMoment>>,
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
    /// Tokens that are in the sums.
    count: u64,
}

impl State<'_> {
    /// Writes it to a file, without holding the sums twice. A caller that wants the old state or
    /// the new one, whatever happens, gives a temporary file and renames it.
    ///
    /// # Errors
    /// [`StatsError`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StatsError> {
        let format = |error: &dyn std::fmt::Display| StatsError::Format(error.to_string());
        let record = Record {
            format_version: 1,
            model_hash: Cow::Borrowed(&self.model_hash),
            settings: Cow::Borrowed(&self.settings),
            progress: Cow::Borrowed(&self.progress),
            corpus_hash: Cow::Borrowed(&self.corpus_hash),
            count: self.moments.values().next().map_or(0, SecondMoment::count),
        };
        let record = serde_json::to_string(&record).map_err(|error| format(&error))?;
        let mut views = Vec::new();
        for (layer, moment) in self.moments.iter() {
            let bytes = bytemuck::cast_slice(moment.sum());
            let shape = vec![moment.d_ff(), moment.d_ff()];
            let view = TensorView::new(Dtype::F64, shape, bytes).map_err(|error| format(&error))?;
            views.push((name(*layer), view));
        }
        let metadata = HashMap::from([(RECORD.to_owned(), record)]);
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(|error| match error {
            safetensors::SafeTensorError::IoError(error) => StatsError::Io { path: path.to_owned(), error },
            error => format(&error),
        })
    }
}

impl State<'static> {
    /// Reads it from a file, tensor by tensor.
    ///
    /// # Errors
    /// [`StatsError::State`] for anything but a state.
    pub fn read(path: &Path) -> Result<Self, StatsError> {
        let wrong = |reason: &dyn std::fmt::Display| StatsError::State {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let io = |error: io::Error| wrong(&error);
        let mut file = File::open(path).map_err(|error| StatsError::Io { path: path.to_owned(), error })?;
        let file_len = file.metadata().map_err(io)?.len();
        let mut header_len = [0; 8];
        file.read_exact(&mut header_len).map_err(io)?;
        let header_len = u64::from_le_bytes(header_len);
        if header_len > MAX_HEADER.min(file_len) {
            return Err(wrong(&format_args!("its header claims {header_len} bytes")));
        }
        let mut header = Vec::new();
        (&mut file).take(header_len).read_to_end(&mut header).map_err(io)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| wrong(&error))?;
        let record = metadata.metadata().as_ref().and_then(|metadata| metadata.get(RECORD));
        let record = record.ok_or_else(|| wrong(&"it has no record"))?;
        let record: Record<'_> = serde_json::from_str(record).map_err(|error| wrong(&error))?;

        let mut moments = BTreeMap::new();
        for &layer in &record.settings.layers {
            let info = metadata
                .info(&name(layer))
                .ok_or_else(|| wrong(&format_args!("layer {layer} is missing")))?;
            let &[d_ff, columns] = info.shape.as_slice() else { return Err(wrong(&"a sum is not a square")) };
            let (start, end) = info.data_offsets;
            let room = file_len.saturating_sub(8 + header_len);
            if info.dtype != Dtype::F64 || d_ff != columns || end as u64 > room {
                return Err(wrong(&"a sum is not a square of f64 in the file"));
            }
            let mut sum = vec![0.0f64; d_ff * d_ff];
            file.seek(SeekFrom::Start(8 + header_len + start as u64)).map_err(io)?;
            file.read_exact(bytemuck::cast_slice_mut(&mut sum)).map_err(io)?;
            let moment = SecondMoment::from_sum(d_ff, record.count, sum);
            moments.insert(layer, moment.ok_or_else(|| wrong(&"a sum is not a square"))?);
        }
        Ok(Self {
            model_hash: Cow::Owned(record.model_hash.into_owned()),
            settings: Cow::Owned(record.settings.into_owned()),
            progress: Cow::Owned(record.progress.into_owned()),
            corpus_hash: record.corpus_hash.into_owned(),
            moments: Cow::Owned(moments),
        })
    }
}

fn name(layer: usize) -> String {
    format!("layer.{layer}.sum")
}
