//! The files that tensors are stored in.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use half::{bf16, f16};
use pytorch_reader::PytorchReader;
use rome_files::SafetensorsHeader;

use crate::error::ModelError;
use crate::source::{ReadSeek, Source};

/// A file of tensors, of which nothing but the header is read until it is asked for.
pub struct StoredFile {
    name: String,
    /// The bytes before those of tensors; empty but in safetensors.
    header: Vec<u8>,
    /// The bytes that ranges are of; none in a pickle, whose tensors know their places.
    reader: Option<Box<dyn ReadSeek>>,
    /// The file of a pickle.
    pickle: Option<PathBuf>,
    /// Its state when it was opened.
    state: State,
    tensors: Vec<StoredTensor>,
}

/// The state of a file at some time, as far as it takes to see that it is another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    /// When it was last changed.
    modified: Option<SystemTime>,
    /// All its bytes, if that was just now: the time is that of the beginning of a write, which may go on.
    hash: Option<blake3::Hash>,
}

/// Long enough for any write to end, and for every file system to tell its time from the next one's.
const JUST_NOW: Duration = Duration::from_secs(2);

/// A tensor of a file.
pub struct StoredTensor {
    /// Its name in the file.
    pub name: String,
    pub(crate) canonical: Option<String>,
    /// The type of its values.
    pub dtype: StoredType,
    /// Its shape.
    pub shape: Vec<usize>,
    bytes: Bytes,
}

/// The place of a tensor's bytes.
enum Bytes {
    Range { start: u64, len: usize },
    Pickle(Box<pytorch_reader::Tensor>),
}

/// The type that values are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Anything else, by its name and the bytes of a value.
    Other(&'static str, usize),
}

impl StoredFile {
    /// Opens a safetensors file. Its tensors come in the order of their bytes.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or its header does not fit its length.
    pub fn open_safetensors(source: &Source, name: &str) -> Result<Self, ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: name.to_owned(), reason };
        let io = |error: io::Error| malformed(error.to_string());
        let mut file = source.open(name)?;
        let state = State::of(file.as_mut()).map_err(io)?;
        let header = SafetensorsHeader::read(&mut file).map_err(|error| malformed(error.to_string()))?;
        let data_start = header.data_start();
        let mut tensors: Vec<_> = header.metadata.tensors().into_iter().collect();
        tensors.sort_by_key(|(_, info)| info.data_offsets);
        let tensors = tensors.into_iter().map(|(name, info)| StoredTensor {
            name,
            canonical: None,
            dtype: StoredType::from(info.dtype),
            shape: info.shape.clone(),
            bytes: Bytes::Range {
                start: data_start + info.data_offsets.0 as u64,
                len: info.data_offsets.1 - info.data_offsets.0,
            },
        });
        Ok(Self {
            name: name.to_owned(),
            tensors: tensors.collect(),
            header: header.bytes,
            reader: Some(file),
            pickle: None,
            state,
        })
    }

    /// Opens a file that torch has pickled.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or claims more than it holds.
    pub fn open_pytorch(source: &Source, name: &str) -> Result<Self, ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: name.to_owned(), reason };
        let path = source.path(name)?;
        let state = File::open(&path).and_then(|mut file| State::of(&mut file));
        let state = state.map_err(|error| ModelError::Io { path: path.clone(), error })?;
        let reader = PytorchReader::new(&path).map_err(|error| malformed(error.to_string()))?;
        let file_len =
            fs::metadata(&path).map_err(|error| ModelError::Io { path: path.clone(), error })?.len();
        let mut tensors = Vec::new();
        for (tensor, value) in reader.into_tensors() {
            // A view can claim any number of values over a few bytes.
            if value.byte_len() as u64 > file_len {
                return Err(malformed(format!("the tensor {tensor:?} claims more than the file holds")));
            }
            tensors.push(StoredTensor {
                name: tensor,
                canonical: None,
                dtype: StoredType::from(value.dtype()),
                shape: value.shape().to_vec(),
                bytes: Bytes::Pickle(Box::new(value)),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            header: Vec::new(),
            tensors,
            reader: None,
            pickle: Some(path),
            state,
        })
    }

    /// Checks, once all is read that is needed, that it was of one state of the file.
    ///
    /// # Errors
    /// [`ModelError::Changed`] when the file was written to meanwhile.
    pub fn check_unchanged(&mut self) -> Result<(), ModelError> {
        let is_same = match (&mut self.reader, &self.pickle) {
            (Some(reader), _) => self.state.is_still(reader.as_mut()),
            (None, Some(path)) => File::open(path).is_ok_and(|mut file| self.state.is_still(&mut file)),
            (None, None) => true,
        };
        if is_same { Ok(()) } else { Err(ModelError::Changed { file: self.name.clone() }) }
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of a safetensors file before those of its tensors.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The tensors.
    pub fn tensors(&self) -> &[StoredTensor] {
        &self.tensors
    }

    pub(crate) fn tensors_mut(&mut self) -> &mut [StoredTensor] {
        &mut self.tensors
    }

    /// The tensors, to be [read](Self::read) one by one.
    pub fn take_tensors(&mut self) -> Vec<StoredTensor> {
        std::mem::take(&mut self.tensors)
    }

    pub(crate) fn put_tensors(&mut self, tensors: Vec<StoredTensor>) {
        self.tensors = tensors;
    }

    /// Reads the bytes of one of this file's tensors, `tensor.n_bytes()` of them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&mut self, tensor: &StoredTensor, bytes: &mut [u8]) -> Result<(), ModelError> {
        let io =
            |error: io::Error| ModelError::Malformed { file: tensor.name.clone(), reason: error.to_string() };
        match (&tensor.bytes, &mut self.reader) {
            (Bytes::Range { start, .. }, Some(reader)) => {
                reader.seek(SeekFrom::Start(*start)).map_err(io)?;
                reader.read_exact(bytes).map_err(io)
            }
            (Bytes::Pickle(tensor), _) => {
                bytes.copy_from_slice(&tensor.read().map_err(io)?);
                Ok(())
            }
            (Bytes::Range { .. }, None) => unreachable!("a range is of a file with a reader"),
        }
    }
}

impl State {
    /// Leaves the file at its beginning.
    fn of(file: &mut dyn ReadSeek) -> io::Result<Self> {
        let modified = file.modified();
        let is_new = |modified: SystemTime| match SystemTime::now().duration_since(modified) {
            Ok(age) => age < JUST_NOW,
            // Another machine's clock may be ahead of this one's.
            Err(ahead) => ahead.duration() < JUST_NOW,
        };
        let hash = modified.filter(|&modified| is_new(modified)).map(|_| hash(file)).transpose()?;
        Ok(Self { modified, hash })
    }

    /// True if a file is what it was.
    fn is_still(&self, file: &mut dyn ReadSeek) -> bool {
        file.modified() == self.modified
            && self.hash.is_none_or(|was| hash(file).is_ok_and(|hash| hash == was))
    }
}

/// Hashes all of a file, and goes back to its beginning.
fn hash(file: &mut dyn ReadSeek) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    file.seek(SeekFrom::Start(0))?;
    hasher.update_reader(&mut *file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(hasher.finalize())
}

impl StoredTensor {
    /// The number of bytes of its values.
    pub fn n_bytes(&self) -> usize {
        match &self.bytes {
            Bytes::Range { len, .. } => *len,
            Bytes::Pickle(_) => self.shape.iter().product::<usize>() * self.dtype.size(),
        }
    }

    /// The name of the tensor in the model, whatever the checkpoint calls it; nothing of one that is not the
    /// model's: a buffer, the head of a tied model, which some store a second time, or that of another task.
    pub fn canonical_name(&self) -> Option<&str> {
        self.canonical.as_deref()
    }
}

impl StoredType {
    /// The name of the type.
    pub fn name(self) -> &'static str {
        match self {
            StoredType::F32 => "F32",
            StoredType::F16 => "F16",
            StoredType::Bf16 => "BF16",
            StoredType::Other(name, _) => name,
        }
    }

    /// True for types that weights are quantized to.
    pub fn is_quantized(self) -> bool {
        matches!(self, StoredType::Other("I8" | "U8" | "F8_E4M3" | "F8_E5M2", _))
    }

    /// The bytes of a value.
    pub fn size(self) -> usize {
        match self {
            StoredType::F32 => 4,
            StoredType::F16 | StoredType::Bf16 => 2,
            StoredType::Other(_, size) => size,
        }
    }

    /// Reads values as f32; `None` for a type that weights are not stored in.
    pub fn widen(self, bytes: &[u8]) -> Option<Vec<f32>> {
        let pairs = || bytes.as_chunks().0.iter().copied();
        match self {
            StoredType::F32 => Some(bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()),
            StoredType::F16 => Some(pairs().map(|bytes| f16::from_le_bytes(bytes).to_f32()).collect()),
            StoredType::Bf16 => Some(pairs().map(|bytes| bf16::from_le_bytes(bytes).to_f32()).collect()),
            StoredType::Other(..) => None,
        }
    }

    /// Writes values in this type, rounded to the nearest; `None` for a type that weights are not
    /// stored in.
    pub fn narrow(self, values: &[f32]) -> Option<Vec<u8>> {
        let values = values.iter().copied();
        match self {
            StoredType::F32 => Some(values.flat_map(f32::to_le_bytes).collect()),
            StoredType::F16 => Some(values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect()),
            StoredType::Bf16 => Some(values.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect()),
            StoredType::Other(..) => None,
        }
    }
}

impl From<safetensors::Dtype> for StoredType {
    fn from(dtype: safetensors::Dtype) -> Self {
        match dtype {
            safetensors::Dtype::F32 => StoredType::F32,
            safetensors::Dtype::F16 => StoredType::F16,
            safetensors::Dtype::BF16 => StoredType::Bf16,
            safetensors::Dtype::F64 => StoredType::Other("F64", 8),
            safetensors::Dtype::BOOL => StoredType::Other("BOOL", 1),
            safetensors::Dtype::I8 => StoredType::Other("I8", 1),
            safetensors::Dtype::U8 => StoredType::Other("U8", 1),
            safetensors::Dtype::I32 => StoredType::Other("I32", 4),
            safetensors::Dtype::I64 => StoredType::Other("I64", 8),
            safetensors::Dtype::F8_E4M3 => StoredType::Other("F8_E4M3", 1),
            safetensors::Dtype::F8_E5M2 => StoredType::Other("F8_E5M2", 1),
            other => StoredType::Other("another type", other.bitsize().div_ceil(8)),
        }
    }
}

impl From<pytorch_reader::DType> for StoredType {
    fn from(dtype: pytorch_reader::DType) -> Self {
        match dtype {
            pytorch_reader::DType::F32 => StoredType::F32,
            pytorch_reader::DType::F16 => StoredType::F16,
            pytorch_reader::DType::BF16 => StoredType::Bf16,
            pytorch_reader::DType::F64 => StoredType::Other("F64", 8),
            pytorch_reader::DType::Bool => StoredType::Other("BOOL", 1),
            pytorch_reader::DType::I8 => StoredType::Other("I8", 1),
            pytorch_reader::DType::U8 => StoredType::Other("U8", 1),
            pytorch_reader::DType::I32 => StoredType::Other("I32", 4),
            pytorch_reader::DType::I64 => StoredType::Other("I64", 8),
            other => StoredType::Other("another type", other.size()),
        }
    }
}
