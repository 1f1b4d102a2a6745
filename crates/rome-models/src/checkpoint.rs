//! The tensors of a checkpoint, read one by one.

use std::collections::{BTreeMap, HashMap};

use burn::prelude::*;
use burn::tensor::{DType, Element, TensorData};
use bytemuck::Pod;
use half::{bf16, f16};
use rayon::prelude::*;
use rome_core::{Event, ModelHash, Observer, Precision, Progress, Unit};
use serde::Deserialize;

use crate::config::Config;
use crate::model_hasher::ModelHasher;
use crate::stored::{StoredFile, StoredTensor, StoredType};
use crate::tensor_names::TensorNames;
use crate::{ModelError, Source};

/// No index of a checkpoint comes near this.
const MAX_INDEX: u64 = 64 << 20;

/// The names that weights come under, best first.
pub(crate) const WEIGHTS: [&str; 4] = [SAFETENSORS, SAFETENSORS_INDEX, PYTORCH, PYTORCH_INDEX];

/// The files that only name other files.
pub(crate) const INDICES: [&str; 2] = [SAFETENSORS_INDEX, PYTORCH_INDEX];

const SAFETENSORS: &str = "model.safetensors";
const SAFETENSORS_INDEX: &str = "model.safetensors.index.json";
const PYTORCH: &str = "pytorch_model.bin";
const PYTORCH_INDEX: &str = "pytorch_model.bin.index.json";

/// A tensor read as f32, whatever it is stored in.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredValues {
    /// Its shape in the file.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// The bytes of a tensor as they are stored.
#[derive(PartialEq, Eq)]
struct StoredBytes {
    dtype: StoredType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The files that hold a checkpoint's tensors.
pub struct CheckpointFiles {
    /// The configuration of the model.
    pub config: Config,
    /// The file that names the others, if there is one.
    pub index: Option<String>,
    /// The files with tensors.
    pub files: Vec<StoredFile>,
    /// Notes on tensors that are not used as they are named.
    pub notes: Vec<String>,
}

impl CheckpointFiles {
    /// Finds the files of a model: `model.safetensors`, its sharded index, or the same of
    /// `pytorch_model.bin`. Nothing but headers is read, unless a tied model has a head beside its embeddings.
    ///
    /// # Errors
    /// When there is no checkpoint, or the configuration or a header is malformed.
    pub fn open(source: &Source) -> Result<Self, ModelError> {
        let config = Config::load(source)?;
        let (index, files) = stored_files(source)?;
        let mut files = Self { config, index, files, notes: Vec::new() };
        files.name_tensors();
        files.resolve_tied_head()?;
        Ok(files)
    }

    /// Gives each tensor its canonical name.
    fn name_tensors(&mut self) {
        let names = self.files.iter().flat_map(StoredFile::tensors).map(|tensor| tensor.name.as_str());
        let TensorNames { canonical, wrapper, other_heads } =
            TensorNames::new(&names.collect::<Vec<_>>(), &self.config);
        let tensors = self.files.iter_mut().flat_map(StoredFile::tensors_mut);
        tensors.zip(canonical).for_each(|(tensor, canonical)| tensor.canonical = canonical);
        if !wrapper.is_empty() {
            self.notes.push(format!("all tensors are named {wrapper}…, as a wrapper has saved them"));
        }
        if !other_heads.is_empty() {
            let names = other_heads.join(", ");
            self.notes.push(format!("tensors of a head for another task are not used: {names}"));
        }
    }

    /// Compares the head of a tied model with its embeddings, where a checkpoint has both. One that differs is
    /// refused: transformers 5 takes it for the head, and transformers 4 does not.
    fn resolve_tied_head(&mut self) -> Result<(), ModelError> {
        if !self.config.is_tied() {
            return Ok(());
        }
        let names = self.config.names;
        let (head_name, embeddings_name) = (names.head_weight(), names.embeddings_weight());
        let (Some(head), Some(embeddings)) = (self.stored(&head_name)?, self.stored(&embeddings_name)?)
        else {
            return Ok(());
        };
        if head != embeddings {
            return Err(ModelError::TiedHead { head: head_name, embeddings: embeddings_name });
        }
        let mut tensors = self.files.iter_mut().flat_map(StoredFile::tensors_mut);
        if let Some(tensor) = tensors.find(|tensor| tensor.canonical_name() == Some(&head_name)) {
            tensor.canonical = None;
        }
        Ok(())
    }

    /// The bytes of a tensor by its canonical name, if there is one.
    fn stored(&mut self, name: &str) -> Result<Option<StoredBytes>, ModelError> {
        for file in &mut self.files {
            let tensors = file.take_tensors();
            let found = tensors.iter().find(|tensor| tensor.canonical_name() == Some(name));
            let stored = found.map(|tensor| -> Result<StoredBytes, ModelError> {
                let mut bytes = vec![0; tensor.n_bytes()];
                file.read(tensor, &mut bytes)?;
                Ok(StoredBytes { dtype: tensor.dtype, shape: tensor.shape.clone(), bytes })
            });
            file.put_tensors(tensors);
            if let Some(stored) = stored {
                let stored = stored?;
                file.check_unchanged()?;
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    /// True if torch has pickled them.
    pub fn is_pickled(&self) -> bool {
        self.files.iter().any(|file| file.header().is_empty())
    }

    /// The number of bytes of all their tensors.
    pub fn n_bytes(&self) -> u64 {
        self.files.iter().flat_map(StoredFile::tensors).map(|tensor| tensor.n_bytes() as u64).sum()
    }

    /// Reads a tensor by its canonical name; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is of a type that weights are not held in.
    pub fn read(mut self, name: &str) -> Result<Option<StoredValues>, ModelError> {
        let Some(StoredBytes { dtype, shape, bytes }) = self.stored(name)? else { return Ok(None) };
        let unread = || ModelError::DType { name: name.to_owned(), dtype: dtype.name().to_owned() };
        Ok(Some(StoredValues { shape, values: dtype.widen(&bytes).ok_or_else(unread)? }))
    }

    /// Hashes the bytes of a tensor as they are stored, by its canonical name: BLAKE3 in hexadecimal; `None`
    /// if there is no such tensor.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn hash_of(mut self, name: &str) -> Result<Option<String>, ModelError> {
        Ok(self.stored(name)?.map(|stored| blake3::hash(&stored.bytes).to_hex().to_string()))
    }
}

/// A checkpoint being loaded.
///
/// Each tensor is read when it is [taken](Self::take), straight into the memory that it stays
/// in. Names are [canonical](StoredTensor::canonical_name).
pub struct Checkpoint<'p> {
    device: Device,
    precision: Precision,
    observer: &'p mut dyn Observer,
    n_bytes_read: u64,
    n_bytes: u64,
    files: Vec<StoredFile>,
    tensors: BTreeMap<String, Entry>,
    /// The beginning of the names of blocks.
    blocks: &'static str,
    hash: ModelHasher,
}

struct Entry {
    /// The index of its file.
    file: usize,
    tensor: StoredTensor,
}

impl Entry {
    fn n_bytes(&self) -> u64 {
        self.tensor.n_bytes() as u64
    }
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
        observer: &'p mut dyn Observer,
    ) -> Result<Self, ModelError> {
        if !precision.is_supported_by(device) {
            return Err(ModelError::Precision { precision });
        }
        let CheckpointFiles { config, mut files, notes, .. } = CheckpointFiles::open(source)?;
        notes.iter().for_each(|note| tracing::warn!("{}: {note}", source.name()));
        let mut tensors = BTreeMap::new();
        for (index, file) in files.iter_mut().enumerate() {
            for tensor in file.take_tensors() {
                let Some(name) = tensor.canonical.clone() else { continue };
                if tensors.contains_key(&name) {
                    let reason = format!("the tensor {name:?} occurs twice in the checkpoint");
                    return Err(ModelError::Malformed { file: file.name().to_owned(), reason });
                }
                tensors.insert(name, Entry { file: index, tensor });
            }
        }
        let n_bytes = tensors.values().map(Entry::n_bytes).sum();
        Ok(Self {
            device: device.clone(),
            precision,
            observer,
            n_bytes_read: 0,
            n_bytes,
            files,
            tensors,
            blocks: config.names.blocks(),
            hash: ModelHasher::default(),
        })
    }

    /// The device that tensors are taken to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// True if there is a tensor of this canonical name that was not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes a tensor to the device: a matrix in the precision asked for, a vector in f32.
    ///
    /// # Errors
    /// When it is missing, misshapen, of a type weights are not held in, not finite, too large for
    /// the precision, or its bytes cannot be read.
    pub fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, ModelError> {
        let missing = |others: Vec<String>| ModelError::MissingTensor { name: name.to_owned(), others };
        let Some(entry) = self.tensors.remove(name) else {
            // Those of blocks have their place as a rule.
            let (blocks, others): (Vec<_>, Vec<_>) =
                self.tensors.keys().cloned().partition(|name| name.starts_with(self.blocks));
            return Err(missing([others, blocks].concat()));
        };
        if entry.tensor.shape != shape {
            let expected = shape.to_vec();
            return Err(ModelError::Shape { name: name.to_owned(), expected, found: entry.tensor.shape });
        }
        let values = self.read(name, &entry)?;
        self.n_bytes_read += entry.n_bytes();
        self.observer.tell(reading(self.n_bytes_read, self.n_bytes))?;
        if !all_finite(&values) {
            return Err(ModelError::NotFinite { name: name.to_owned() });
        }
        let precision = if D == 2 { self.precision } else { Precision::F32 };
        let values = if values.dtype() == precision.dtype() {
            values
        } else {
            values.convert_dtype(precision.dtype())
        };
        if precision == Precision::F16 && !all_finite(&values) {
            return Err(ModelError::Overflow { name: name.to_owned(), precision });
        }
        Ok(Tensor::from_data(values, (&self.device, precision.dtype())))
    }

    /// Ends loading and returns the model's [hash](ModelHash), over all tensors taken.
    ///
    /// # Errors
    /// [`ModelError::UnusedTensors`] when not all tensors were taken, and [`ModelError::Changed`] when
    /// they were not of one state of a file.
    pub fn finish(mut self) -> Result<ModelHash, ModelError> {
        self.files.iter_mut().try_for_each(StoredFile::check_unchanged)?;
        if self.tensors.is_empty() {
            Ok(self.hash.finish())
        } else {
            Err(ModelError::UnusedTensors { names: self.tensors.into_keys().collect() })
        }
    }

    /// Reads a tensor in the type that it is stored in.
    fn read(&mut self, name: &str, entry: &Entry) -> Result<TensorData, ModelError> {
        match entry.tensor.dtype {
            StoredType::F32 => self.read_values::<f32>(name, entry),
            StoredType::F16 => self.read_values::<f16>(name, entry),
            StoredType::Bf16 => self.read_values::<bf16>(name, entry),
            StoredType::Other(dtype, _) if entry.tensor.dtype.is_quantized() => {
                Err(ModelError::Quantized { how: format!("{name} is {dtype}") })
            }
            StoredType::Other(dtype, _) => {
                Err(ModelError::DType { name: name.to_owned(), dtype: dtype.to_owned() })
            }
        }
    }

    /// Reads the bytes straight into the buffer that the tensor keeps.
    fn read_values<E: Element + Pod>(&mut self, name: &str, entry: &Entry) -> Result<TensorData, ModelError> {
        let Entry { file, tensor } = entry;
        let mut values = vec![E::zeroed(); tensor.shape.iter().product()];
        self.files[*file].read(tensor, bytemuck::cast_slice_mut(&mut values))?;
        self.hash.add(name, tensor.dtype, &tensor.shape, bytemuck::cast_slice(&values));
        Ok(TensorData::new(values, tensor.shape.as_slice()))
    }
}

fn reading(done: u64, total: u64) -> Event<'static> {
    Event::Progress(Progress { unit: Unit::ModelBytes, done, total, detail: "" })
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

/// The files of a checkpoint, and the file that names them, if there is one.
pub(crate) fn stored_files(source: &Source) -> Result<(Option<String>, Vec<StoredFile>), ModelError> {
    let Some(found) = source.find(&WEIGHTS) else {
        let file = format!("{SAFETENSORS} (nor {SAFETENSORS_INDEX}, nor {PYTORCH})");
        return Err(ModelError::MissingFile { place: source.name(), file });
    };
    let index = INDICES.contains(&found).then(|| found.to_owned());
    let names = match &index {
        Some(index) => shards(source, index)?,
        None => vec![found.to_owned()],
    };
    let open = |name: &String| match found {
        SAFETENSORS | SAFETENSORS_INDEX => StoredFile::open_safetensors(source, name),
        _ => StoredFile::open_pytorch(source, name),
    };
    Ok((index, names.iter().map(open).collect::<Result<_, _>>()?))
}

/// The files that an index names, each once.
pub(crate) fn shards(source: &Source, index: &str) -> Result<Vec<String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let malformed = |reason: String| ModelError::Malformed { file: index.to_owned(), reason };
    let bytes = source.read(index, MAX_INDEX)?;
    let parsed: Index = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let mut files: Vec<String> = parsed.weight_map.into_values().collect();
    files.sort();
    files.dedup();
    // An index is read from outside: it may name files of its own folder only.
    let is_elsewhere =
        |file: &&String| file.is_empty() || file.contains(['/', '\\', ':', '\0']) || file.starts_with('.');
    match files.iter().find(is_elsewhere) {
        Some(file) => Err(malformed(format!("it names {file:?}, which is not a file beside it"))),
        None => Ok(files),
    }
}
