//! Files of many values, written one tensor at a time: safetensors with a record.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::Dtype;
use safetensors::{SafeTensorError, View};
use serde::Serialize;

use crate::error::StatsError;
use crate::stored_value::StoredValue;

/// A tensor to be written, under its name.
pub(crate) type NamedTensor<'a> = (String, OutputTensor<'a>);

/// A tensor to be written.
pub(crate) struct OutputTensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Bytes<'a>,
}

/// The bytes of a tensor.
enum Bytes<'a> {
    Held(&'a [u8]),
    /// They are computed when their turn comes.
    Computed(Box<dyn Fn() -> Vec<u8> + 'a>),
}

impl<'a> OutputTensor<'a> {
    /// Takes values as they are held in memory.
    pub(crate) fn new<T: StoredValue>(shape: Vec<usize>, values: &'a [T]) -> Self {
        Self { dtype: T::DTYPE, shape, bytes: Bytes::Held(bytemuck::cast_slice(values)) }
    }

    /// Takes a triangle of a square with its diagonal, `d_ff (d_ff + 1) / 2` values, which is taken out of
    /// the square when its turn comes.
    pub(crate) fn triangle<T: StoredValue, V: Iterator<Item = T>>(
        d_ff: usize,
        values: impl Fn() -> V + 'a,
    ) -> Self {
        let len = d_ff * (d_ff + 1) / 2;
        let bytes = move || {
            let mut bytes = Vec::with_capacity(len * size_of::<T>());
            values().for_each(|value| bytes.extend_from_slice(bytemuck::bytes_of(&value)));
            bytes
        };
        Self { dtype: T::DTYPE, shape: vec![len], bytes: Bytes::Computed(Box::new(bytes)) }
    }
}

impl View for OutputTensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.bytes {
            Bytes::Held(bytes) => Cow::Borrowed(bytes),
            Bytes::Computed(bytes) => Cow::Owned(bytes()),
        }
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

/// A file to be written: a record under a metadata key, and tensors.
pub(crate) struct TensorFile<'a> {
    metadata: HashMap<String, String>,
    tensors: Vec<NamedTensor<'a>>,
}

impl<'a> TensorFile<'a> {
    pub(crate) fn new(
        key: &str,
        record: &impl Serialize,
        tensors: Vec<NamedTensor<'a>>,
    ) -> Result<Self, StatsError> {
        let record = serde_json::to_string(record).map_err(|error| StatsError::Format(error.to_string()))?;
        // All metadata is one JSON text, so that equal files are equal bytes.
        Ok(Self { metadata: HashMap::from([(key.to_owned(), record)]), tensors })
    }

    /// Writes the file, with no more than one tensor held twice.
    pub(crate) fn write(self, path: &Path) -> Result<(), StatsError> {
        let written = safetensors::serialize_to_file(self.tensors, Some(self.metadata), path);
        written.map_err(|error| match error {
            SafeTensorError::IoError(error) => StatsError::Io { path: path.to_owned(), error },
            error => StatsError::Format(error.to_string()),
        })
    }

    /// The bytes of the file.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, StatsError> {
        let bytes = safetensors::serialize(self.tensors, Some(self.metadata));
        bytes.map_err(|error| StatsError::Format(error.to_string()))
    }
}
