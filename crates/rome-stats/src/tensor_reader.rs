//! Files of many values, read one tensor at a time: safetensors with a record.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rome_files::SafetensorsHeader;
use safetensors::tensor::TensorInfo;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::StatsError;
use crate::stored_value::StoredValue;

/// A file of which nothing but the header is read until it is asked for. All that is wrong with its content
/// is a [`StatsError::Format`].
pub(crate) struct TensorReader<R> {
    reader: R,
    header: SafetensorsHeader,
}

impl TensorReader<File> {
    pub(crate) fn open(path: &Path) -> Result<Self, StatsError> {
        let file = File::open(path).map_err(|error| StatsError::Io { path: path.to_owned(), error })?;
        Self::new(file)
    }
}

impl<R: Read + Seek> TensorReader<R> {
    pub(crate) fn new(mut reader: R) -> Result<Self, StatsError> {
        let header = SafetensorsHeader::read(&mut reader).map_err(|error| wrong(&error))?;
        Ok(Self { reader, header })
    }

    /// Reads the record under a metadata key, which begins with the version of its format.
    pub(crate) fn record<T: DeserializeOwned>(&self, key: &str, version: u32) -> Result<T, StatsError> {
        #[derive(Deserialize)]
        struct Outline {
            format_version: u32,
        }
        let metadata = self.header.metadata.metadata().as_ref();
        let record = metadata.and_then(|metadata| metadata.get(key));
        let record =
            record.ok_or_else(|| wrong(&format_args!("it has no record under the metadata key {key:?}")))?;
        let Outline { format_version } = serde_json::from_str(record).map_err(|error| wrong(&error))?;
        if format_version == version {
            serde_json::from_str(record).map_err(|error| wrong(&error))
        } else {
            Err(StatsError::Version { found: format_version, read: version })
        }
    }

    /// The type, shape and place of a tensor, if there is one of this name.
    pub(crate) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.header.metadata.info(name)
    }

    /// Reads the values of a tensor.
    pub(crate) fn values<T: StoredValue>(&mut self, name: &str) -> Result<Vec<T>, StatsError> {
        let info = self.info(name).ok_or_else(|| wrong(&format_args!("{name} is missing")))?;
        if info.dtype != T::DTYPE {
            return Err(wrong(&format_args!("{name} is not of {:?} in the file", T::DTYPE)));
        }
        // The header has been compared with the length of the file.
        let (start, end) = info.data_offsets;
        let place = SeekFrom::Start(self.header.data_start() + start as u64);
        let mut values = vec![T::zeroed(); (end - start) / size_of::<T>()];
        let sought = self.reader.seek(place);
        let read = sought.and_then(|_| self.reader.read_exact(bytemuck::cast_slice_mut(&mut values)));
        read.map_err(|error| wrong(&error))?;
        Ok(values)
    }
}

fn wrong(reason: &dyn std::fmt::Display) -> StatsError {
    StatsError::Format(reason.to_string())
}
