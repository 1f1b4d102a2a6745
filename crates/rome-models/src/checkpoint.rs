//! The tensors of a checkpoint, read one by one.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, SeekFrom};

use burn::prelude::*;
use burn::tensor::{DType, Element, TensorData};
use bytemuck::Pod;
use half::{bf16, f16};
use pytorch_reader::PytorchReader;
use rayon::prelude::*;
use rome_core::Precision;
use safetensors::tensor::Metadata;
use serde::Deserialize;

use crate::progress::Progress;
use crate::source::ReadSeek;
use crate::{ModelError, OnProgress, Source};

/// No header of a checkpoint comes near this; it bounds what a lying length field can cost.
const MAX_HEADER: u64 = 64 << 20;

/// The names that weights come under, best first.
pub(crate) const WEIGHTS: [&str; 4] = [SAFETENSORS, SAFETENSORS_INDEX, PYTORCH, PYTORCH_INDEX];

/// Those of them that only name other files.
pub(crate) const INDICES: [&str; 2] = [SAFETENSORS_INDEX, PYTORCH_INDEX];

const SAFETENSORS: &str = "model.safetensors";
const SAFETENSORS_INDEX: &str = "model.safetensors.index.json";
const PYTORCH: &str = "pytorch_model.bin";
const PYTORCH_INDEX: &str = "pytorch_model.bin.index.json";

/// A checkpoint being loaded.
///
/// Each tensor is read when it is [taken](Self::take), straight into the memory that it stays
/// in. Names are canonical: `transformer.` is put before those of checkpoints that lack it.
pub struct Checkpoint<'p> {
    device: Device,
    precision: Precision,
    on_progress: &'p mut OnProgress<'p>,
    n_bytes_read: u64,
    n_bytes: u64,
    files: Vec<Box<dyn ReadSeek>>,
    tensors: BTreeMap<String, Entry>,
    hashes: BTreeMap<String, blake3::Hash>,
}

struct Entry {
    dtype: Stored,
    shape: Vec<usize>,
    bytes: Bytes,
}

impl Entry {
    fn n_bytes(&self) -> u64 {
        let n_values: u64 = self.shape.iter().map(|&size| size as u64).product();
        n_values * if self.dtype == Stored::F32 { 4 } else { 2 }
    }
}

/// Where a tensor's bytes are.
enum Bytes {
    File { file: usize, start: u64 },
    Pickle(Box<pytorch_reader::Tensor>),
}

/// How a weight is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    F32,
    F16,
    Bf16,
    /// Anything else, by its name.
    Other(&'static str),
}

impl<'p> Checkpoint<'p> {
    /// Finds the tensors of a model: `model.safetensors`, its sharded index, or the same of
    /// `pytorch_model.bin`. Nothing but headers is read.
    ///
    /// # Errors
    /// When there is no checkpoint, a header is malformed, or the device does not compute in this
    /// precision.
    pub fn open(
        source: &Source,
        device: &Device,
        precision: Precision,
        on_progress: &'p mut OnProgress<'p>,
    ) -> Result<Self, ModelError> {
        if !precision.is_supported_by(device) {
            return Err(ModelError::Precision { precision });
        }
        let mut checkpoint = Self {
            device: device.clone(),
            precision,
            on_progress,
            n_bytes_read: 0,
            n_bytes: 0,
            files: Vec::new(),
            tensors: BTreeMap::new(),
            hashes: BTreeMap::new(),
        };
        match source.find(&WEIGHTS) {
            Some(SAFETENSORS) => checkpoint.add_safetensors(source, SAFETENSORS)?,
            Some(PYTORCH) => checkpoint.add_pytorch(source, PYTORCH)?,
            Some(index) => {
                for file in shards(source, index)? {
                    match index {
                        SAFETENSORS_INDEX => checkpoint.add_safetensors(source, &file)?,
                        _ => checkpoint.add_pytorch(source, &file)?,
                    }
                }
            }
            None => {
                let file = format!("{SAFETENSORS} (nor {SAFETENSORS_INDEX}, nor {PYTORCH})");
                return Err(ModelError::MissingFile { place: source.name(), file });
            }
        }
        checkpoint.n_bytes = checkpoint.tensors.values().map(Entry::n_bytes).sum();
        Ok(checkpoint)
    }

    /// The device that tensors are taken to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Passes over every tensor whose canonical name satisfies `ignored`.
    pub fn ignore(&mut self, ignored: impl Fn(&str) -> bool) {
        self.tensors.retain(|name, _| !ignored(name));
        self.n_bytes = self.n_bytes_read + self.tensors.values().map(Entry::n_bytes).sum::<u64>();
    }

    /// Takes a tensor to the device: a matrix in the precision asked for, a vector in f32.
    ///
    /// # Errors
    /// When it is missing, misshapen, of a type weights are not held in, not finite, too large for
    /// the precision, or its bytes cannot be read.
    pub fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, ModelError> {
        let entry =
            self.tensors.remove(name).ok_or_else(|| ModelError::MissingTensor { name: name.to_owned() })?;
        if entry.shape != shape {
            let expected = shape.to_vec();
            return Err(ModelError::Shape { name: name.to_owned(), expected, found: entry.shape });
        }
        let values = self.read(name, &entry)?;
        self.n_bytes_read += entry.n_bytes();
        (self.on_progress)(Progress::Reading { done: self.n_bytes_read, total: self.n_bytes });
        if !all_finite(&values) {
            return Err(ModelError::NotFinite { name: name.to_owned() });
        }
        let precision = if D == 2 { self.precision } else { Precision::F32 };
        let values = match values.dtype() == precision.dtype() {
            true => values,
            false => values.convert_dtype(precision.dtype()),
        };
        if precision == Precision::F16 && !all_finite(&values) {
            return Err(ModelError::Overflow { name: name.to_owned(), precision });
        }
        Ok(Tensor::from_data(values, (&self.device, precision.dtype())))
    }

    /// Ends loading and returns the model's hash: BLAKE3 over the canonical names, types, shapes
    /// and bytes of all tensors taken, in the order of their names. How the checkpoint is split
    /// over files does not matter to it.
    ///
    /// # Errors
    /// [`ModelError::UnusedTensors`] when not all tensors were taken.
    pub fn finish(self) -> Result<String, ModelError> {
        if !self.tensors.is_empty() {
            return Err(ModelError::UnusedTensors { names: self.tensors.into_keys().collect() });
        }
        let mut hasher = blake3::Hasher::new();
        for (name, hash) in &self.hashes {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(hash.as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Reads a tensor in the type that it is stored in.
    fn read(&mut self, name: &str, entry: &Entry) -> Result<TensorData, ModelError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(entry.dtype.name().as_bytes());
        for size in &entry.shape {
            hasher.update(&(*size as u64).to_le_bytes());
        }
        let values = match entry.dtype {
            Stored::F32 => self.read_values::<f32>(name, entry, &mut hasher)?,
            Stored::F16 => self.read_values::<f16>(name, entry, &mut hasher)?,
            Stored::Bf16 => self.read_values::<bf16>(name, entry, &mut hasher)?,
            Stored::Other(dtype) => {
                return Err(ModelError::DType { name: name.to_owned(), dtype: dtype.to_owned() });
            }
        };
        self.hashes.insert(name.to_owned(), hasher.finalize());
        Ok(values)
    }

    /// Reads the bytes straight into the buffer that the tensor keeps.
    fn read_values<E: Element + Pod>(
        &mut self,
        name: &str,
        entry: &Entry,
        hasher: &mut blake3::Hasher,
    ) -> Result<TensorData, ModelError> {
        let mut values = vec![E::zeroed(); entry.shape.iter().product()];
        self.read_bytes(name, entry, bytemuck::cast_slice_mut(&mut values))?;
        hasher.update_rayon(bytemuck::cast_slice(&values));
        Ok(TensorData::new(values, entry.shape.as_slice()))
    }

    fn read_bytes(&mut self, name: &str, entry: &Entry, bytes: &mut [u8]) -> Result<(), ModelError> {
        let io = |error: std::io::Error| ModelError::Malformed {
            file: name.to_owned(),
            reason: error.to_string(),
        };
        match &entry.bytes {
            Bytes::File { file, start } => {
                let file = &mut self.files[*file];
                file.seek(SeekFrom::Start(*start)).map_err(io)?;
                file.read_exact(bytes).map_err(io)
            }
            Bytes::Pickle(tensor) => {
                bytes.copy_from_slice(&tensor.read().map_err(io)?);
                Ok(())
            }
        }
    }

    fn add_safetensors(&mut self, source: &Source, name: &str) -> Result<(), ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: name.to_owned(), reason };
        let io = |error: std::io::Error| malformed(error.to_string());
        let mut file = source.open(name)?;
        let file_len = file.seek(SeekFrom::End(0)).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;

        let mut header_len = [0; 8];
        file.read_exact(&mut header_len)
            .map_err(|_| malformed("too short for a safetensors file".to_owned()))?;
        let header_len = u64::from_le_bytes(header_len);
        if header_len > MAX_HEADER || header_len > file_len - 8 {
            let reason = format!("its header claims {header_len} bytes in a file of {file_len}");
            return Err(malformed(reason));
        }
        let mut header = Vec::new();
        (&mut file).take(header_len).read_to_end(&mut header).map_err(io)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;

        let data_start = 8 + header_len;
        let data_end = data_start + metadata.data_len() as u64;
        if data_end != file_len {
            let reason = format!("it should be {data_end} bytes long and is {file_len}");
            return Err(malformed(reason));
        }
        let index = self.files.len();
        for (tensor, info) in metadata.tensors() {
            let start = data_start + info.data_offsets.0 as u64;
            let bytes = Bytes::File { file: index, start };
            let entry = Entry { dtype: Stored::from(info.dtype), shape: info.shape.clone(), bytes };
            self.insert(&tensor, entry, name)?;
        }
        self.files.push(file);
        Ok(())
    }

    fn add_pytorch(&mut self, source: &Source, name: &str) -> Result<(), ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: name.to_owned(), reason };
        let reader = PytorchReader::new(source.path(name)?).map_err(|error| malformed(error.to_string()))?;
        let path = source.path(name)?;
        let file_len = std::fs::metadata(&path).map_err(|error| ModelError::Io { path, error })?.len();
        for (tensor, value) in reader.into_tensors() {
            // A view can claim any number of values over a few bytes.
            if value.byte_len() as u64 > file_len {
                return Err(malformed(format!("the tensor {tensor:?} claims more than the file holds")));
            }
            let entry = Entry {
                dtype: Stored::from(value.dtype()),
                shape: value.shape().to_vec(),
                bytes: Bytes::Pickle(Box::new(value)),
            };
            self.insert(&tensor, entry, name)?;
        }
        Ok(())
    }

    fn insert(&mut self, name: &str, entry: Entry, file: &str) -> Result<(), ModelError> {
        let name = canonical(name);
        if self.tensors.contains_key(&name) {
            let reason = format!("the tensor {name:?} occurs twice in the checkpoint");
            return Err(ModelError::Malformed { file: file.to_owned(), reason });
        }
        self.tensors.insert(name, entry);
        Ok(())
    }
}

fn all_finite(values: &TensorData) -> bool {
    match values.dtype() {
        DType::F16 => all(values, f16::is_finite),
        DType::BF16 => all(values, bf16::is_finite),
        _ => all(values, f32::is_finite),
    }
}

/// Looks at whole stretches before it asks, so that vectors and all threads can help: on a warm
/// file cache, looking at each value by itself takes as long as reading it.
fn all<E: Element + Sync>(values: &TensorData, holds: impl Fn(E) -> bool + Sync) -> bool {
    const STRETCH: usize = 1 << 14;
    let values: &[E] = values.as_slice().expect("read as this type");
    values.par_chunks(STRETCH).all(|stretch| stretch.iter().fold(true, |all, &value| all & holds(value)))
}

/// The name of a tensor in a model with a language-model head.
fn canonical(name: &str) -> String {
    match name.starts_with("transformer.") || name.starts_with("lm_head.") {
        true => name.to_owned(),
        false => format!("transformer.{name}"),
    }
}

/// The files that an index names, each once.
pub(crate) fn shards(source: &Source, index: &str) -> Result<Vec<String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let malformed = |reason: String| ModelError::Malformed { file: index.to_owned(), reason };
    let bytes = source.read(index, MAX_HEADER)?;
    let parsed: Index = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let mut files: Vec<String> = parsed.weight_map.into_values().collect();
    files.sort();
    files.dedup();
    // An index is read from outside: it may name files of its own folder only.
    match files.iter().find(|file| file.contains(['/', '\\']) || file.starts_with('.')) {
        Some(file) => Err(malformed(format!("it names {file:?}, which is not a file beside it"))),
        None => Ok(files),
    }
}

impl Stored {
    fn name(self) -> &'static str {
        match self {
            Stored::F32 => "F32",
            Stored::F16 => "F16",
            Stored::Bf16 => "BF16",
            Stored::Other(name) => name,
        }
    }
}

impl From<safetensors::Dtype> for Stored {
    fn from(dtype: safetensors::Dtype) -> Self {
        match dtype {
            safetensors::Dtype::F32 => Stored::F32,
            safetensors::Dtype::F16 => Stored::F16,
            safetensors::Dtype::BF16 => Stored::Bf16,
            safetensors::Dtype::F64 => Stored::Other("F64"),
            safetensors::Dtype::BOOL => Stored::Other("BOOL"),
            _ => Stored::Other("another type"),
        }
    }
}

impl From<pytorch_reader::DType> for Stored {
    fn from(dtype: pytorch_reader::DType) -> Self {
        match dtype {
            pytorch_reader::DType::F32 => Stored::F32,
            pytorch_reader::DType::F16 => Stored::F16,
            pytorch_reader::DType::BF16 => Stored::Bf16,
            pytorch_reader::DType::F64 => Stored::Other("F64"),
            pytorch_reader::DType::Bool => Stored::Other("BOOL"),
            _ => Stored::Other("another type"),
        }
    }
}
