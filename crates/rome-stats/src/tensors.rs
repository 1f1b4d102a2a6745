//! Files of many values, written and read one tensor at a time: safetensors with a record.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use safetensors::tensor::{Dtype, Metadata};
use safetensors::{SafeTensorError, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::StatsError;

/// No header comes near this; it bounds what a lying length field can cost.
const MAX_HEADER: u64 = 64 << 20;

// Values are written as they lie in memory, and safetensors are little-endian.
const _: () = assert!(cfg!(target_endian = "little"));

/// Values of a tensor to be written.
pub(crate) enum Values<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    /// A triangle, `d_ff (d_ff + 1) / 2` values of f64, taken out of its square when its turn comes.
    Triangle {
        d_ff: usize,
        values: Box<dyn Fn() -> Box<dyn Iterator<Item = f64> + 'a> + 'a>,
    },
}

impl<'a> Values<'a> {
    pub(crate) fn triangle(
        d_ff: usize,
        values: impl Fn() -> Box<dyn Iterator<Item = f64> + 'a> + 'a,
    ) -> Self {
        Self::Triangle { d_ff, values: Box::new(values) }
    }
}

/// A tensor to be written.
struct Written<'a> {
    values: Values<'a>,
    shape: [usize; 1],
}

impl<'a> From<Values<'a>> for Written<'a> {
    fn from(values: Values<'a>) -> Self {
        let len = match &values {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::Triangle { d_ff, .. } => d_ff * (d_ff + 1) / 2,
        };
        Self { values, shape: [len] }
    }
}

impl View for Written<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) | Values::Triangle { .. } => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.values {
            Values::F32(values) => Cow::Borrowed(bytemuck::cast_slice(values)),
            Values::F64(values) => Cow::Borrowed(bytemuck::cast_slice(values)),
            Values::Triangle { values, .. } => Cow::Owned(values().flat_map(f64::to_le_bytes).collect()),
        }
    }

    fn data_len(&self) -> usize {
        self.shape[0] * self.dtype().bitsize() / 8
    }
}

/// Writes tensors, with a record under a metadata key.
pub(crate) fn write(
    path: &Path,
    key: &str,
    record: &impl Serialize,
    tensors: Vec<(String, Values<'_>)>,
) -> Result<(), StatsError> {
    let record = serde_json::to_string(record).map_err(|error| StatsError::Format(error.to_string()))?;
    let metadata = HashMap::from([(key.to_owned(), record)]);
    let tensors = tensors.into_iter().map(|(name, values)| (name, Written::from(values)));
    safetensors::serialize_to_file(tensors, Some(metadata), path).map_err(|error| match error {
        SafeTensorError::IoError(error) => StatsError::Io { path: path.to_owned(), error },
        error => StatsError::Format(error.to_string()),
    })
}

/// A file to be read tensor by tensor. All that is wrong with it is a [`StatsError::Format`].
pub(crate) struct Reader {
    file: File,
    metadata: Metadata,
    /// Where the tensors begin.
    data_start: u64,
    /// How many bytes there are of them.
    data_len: u64,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, StatsError> {
        let io = |error| StatsError::Io { path: PathBuf::from(path), error };
        let mut file = File::open(path).map_err(io)?;
        let file_len = file.metadata().map_err(io)?.len();
        let mut header_len = [0; 8];
        file.read_exact(&mut header_len).map_err(|error| wrong(&error))?;
        let header_len = u64::from_le_bytes(header_len);
        if header_len > MAX_HEADER.min(file_len) {
            return Err(wrong(&format_args!("its header claims {header_len} bytes")));
        }
        let mut header = Vec::new();
        (&mut file).take(header_len).read_to_end(&mut header).map_err(|error| wrong(&error))?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| wrong(&error))?;
        let data_start = 8 + header_len;
        Ok(Self { file, metadata, data_start, data_len: file_len.saturating_sub(data_start) })
    }

    pub(crate) fn record<T: DeserializeOwned>(&self, key: &str, version: u32) -> Result<T, StatsError> {
        record(&self.metadata, key, version)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    pub(crate) fn values<T: Value>(&mut self, name: &str) -> Result<Vec<T>, StatsError> {
        let info = self.metadata.info(name);
        let info = info.ok_or_else(|| wrong(&format_args!("{name} is missing")))?;
        let (start, end) = info.data_offsets;
        let n_bytes = end.saturating_sub(start);
        if info.dtype != T::DTYPE || end as u64 > self.data_len || !n_bytes.is_multiple_of(size_of::<T>()) {
            return Err(wrong(&format_args!("{name} is not of {:?} in the file", T::DTYPE)));
        }
        let mut values = vec![T::zeroed(); n_bytes / size_of::<T>()];
        let sought = self.file.seek(SeekFrom::Start(self.data_start + start as u64));
        let read = sought.and_then(|_| self.file.read_exact(bytemuck::cast_slice_mut(&mut values)));
        read.map_err(|error| wrong(&error))?;
        Ok(values)
    }
}

/// A type of value that is stored.
pub(crate) trait Value: Pod {
    const DTYPE: Dtype;
}

impl Value for f32 {
    const DTYPE: Dtype = Dtype::F32;
}

impl Value for f64 {
    const DTYPE: Dtype = Dtype::F64;
}

/// Reads the record under a metadata key, which begins with the version of its format.
pub(crate) fn record<T: DeserializeOwned>(
    metadata: &Metadata,
    key: &str,
    version: u32,
) -> Result<T, StatsError> {
    #[derive(Deserialize)]
    struct Outline {
        format_version: u32,
    }
    let record = metadata.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let record =
        record.ok_or_else(|| wrong(&format_args!("it has no record under the metadata key {key:?}")))?;
    let Outline { format_version } = serde_json::from_str(record).map_err(|error| wrong(&error))?;
    match format_version == version {
        true => serde_json::from_str(record).map_err(|error| wrong(&error)),
        false => Err(StatsError::Version { found: format_version, read: version }),
    }
}

fn wrong(reason: &dyn std::fmt::Display) -> StatsError {
    StatsError::Format(reason.to_string())
}
