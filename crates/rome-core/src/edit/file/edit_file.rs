//! The edit file: left and right vectors, and their record.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::record::{EditEntry, EditRecord, FORMAT_VERSION};
use crate::edit::rank_one::{RankOneUpdate, UpdateError};
use crate::edit::undo::Undo;
use crate::error::{ErrorKind, Hint};
use crate::method::MethodSettings;
use crate::method::rome::RomeConfig;
use crate::model::{CausalLm, ModelHash};

/// The metadata key of the record.
const RECORD: &str = "rome";

/// One or more edits of one model, in order, ready to be stored.
///
/// In the file, each edited weight has `<weight>.left` `[d_in]` and `<weight>.right` `[d_out]`,
/// or `[n, d_in]` and `[n, d_out]` after n edits of it. All metadata is the JSON under `rome`, so
/// that equal edits are equal bytes: an [`EditRecord`], or `{"format_version", "parts": […]}` with
/// several of them once files were [combined](Self::combine).
#[derive(Debug, Clone, PartialEq)]
pub struct EditFile {
    /// The edits of each run, in order.
    pub parts: Vec<EditPart>,
}

/// Edits that were made in one go.
#[derive(Debug, Clone, PartialEq)]
pub struct EditPart {
    /// The origin of the edits.
    pub record: EditRecord,
    /// The update of each edit of the record.
    pub updates: Vec<RankOneUpdate>,
}

impl EditPart {
    /// Starts without edits.
    pub fn new(record: EditRecord) -> Self {
        Self { record, updates: Vec::new() }
    }

    /// Adds an edit after those before it.
    pub fn push(&mut self, entry: EditEntry, update: RankOneUpdate) {
        self.record.edits.push(entry);
        self.updates.push(update);
    }
}

impl From<EditPart> for EditFile {
    fn from(part: EditPart) -> Self {
        Self { parts: vec![part] }
    }
}

impl EditFile {
    /// Combines the edits of several files into one, in order. It equals the files applied one after another.
    pub fn combine(files: impl IntoIterator<Item = Self>) -> Self {
        Self { parts: files.into_iter().flat_map(|file| file.parts).collect() }
    }

    /// The edits, in order.
    pub fn edits(&self) -> impl Iterator<Item = (&EditEntry, &RankOneUpdate)> {
        self.parts.iter().flat_map(|part| part.record.edits.iter().zip(&part.updates))
    }

    /// The updates of each weight, in order.
    pub fn updates(&self) -> BTreeMap<&str, Vec<&RankOneUpdate>> {
        let mut updates: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (entry, update) in self.edits() {
            updates.entry(entry.weight.as_str()).or_default().push(update);
        }
        updates
    }

    /// Multiplies every edit: by 0.5 it moves half as far, by −1 the other way. Their outcome as
    /// they were is forgotten.
    pub fn scale(&mut self, factor: f64) {
        for part in &mut self.parts {
            for (entry, update) in part.record.edits.iter_mut().zip(&mut part.updates) {
                update.right.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
                entry.scale *= factor;
                entry.relative_norm *= factor.abs();
                entry.outcome = None;
            }
        }
    }

    /// Takes an edit out, counted from 0 in order, and returns it. Those after it stay as they are.
    ///
    /// # Errors
    /// [`EditFileError::NoSuchEdit`]; the file is untouched then.
    pub fn drop_edit(&mut self, index: usize) -> Result<(EditEntry, RankOneUpdate), EditFileError> {
        let n_edits = self.edits().count();
        let mut left = index;
        for (at, part) in self.parts.iter_mut().enumerate() {
            if left < part.updates.len() {
                let dropped = (part.record.edits.remove(left), part.updates.remove(left));
                if part.updates.is_empty() {
                    self.parts.remove(at);
                }
                return Ok(dropped);
            }
            left -= part.updates.len();
        }
        Err(EditFileError::NoSuchEdit { index, n_edits })
    }

    /// Checks that every edit was made for this model.
    ///
    /// # Errors
    /// [`EditFileError::OtherModel`]
    pub fn check_model(&self, model_hash: &ModelHash) -> Result<(), EditFileError> {
        match self.parts.iter().find(|part| part.record.model_hash != *model_hash) {
            Some(part) => Err(EditFileError::OtherModel {
                made_for: part.record.model_hash.clone(),
                model: model_hash.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Applies the edits to a model and returns what undoes them.
    ///
    /// # Errors
    /// [`EditFileError`] when the file was made for another model or does not fit; the model is
    /// untouched then.
    pub fn apply(&self, model: &mut dyn CausalLm, model_hash: &ModelHash) -> Result<Undo, EditFileError> {
        self.check_model(model_hash)?;
        self.apply_unchecked(model)
    }

    /// Applies the edits like [`apply`](Self::apply), but to any model that they fit by their sizes.
    /// On other weights than those they were computed on they may do nothing, or harm.
    ///
    /// # Errors
    /// [`EditFileError`] when an edit does not fit; the model is untouched then.
    pub fn apply_unchecked(&self, model: &mut dyn CausalLm) -> Result<Undo, EditFileError> {
        let names: HashMap<String, usize> =
            (0..model.shape().n_layers).map(|layer| (model.weight_name(layer), layer)).collect();
        let mut undo = Undo::default();
        for (EditEntry { weight, .. }, update) in self.edits() {
            let Some(&layer) = names.get(weight) else {
                undo.restore(model);
                return Err(EditFileError::UnknownWeight { weight: weight.clone() });
            };
            match update.apply(model.down_projection_mut(layer)) {
                // Of many edits of a weight, what was there before the first is all that undoes them.
                Ok(original) => undo.keep(layer, original),
                Err(error) => {
                    undo.restore(model);
                    return Err(EditFileError::Update { weight: weight.clone(), error });
                }
            }
        }
        Ok(undo)
    }

    /// Returns the bytes of the file, the same for the same edits.
    ///
    /// # Errors
    /// [`EditFileError::Format`] when there is no edit, or a value or a number of a record is not
    /// finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EditFileError> {
        let format = |error: &dyn std::fmt::Display| EditFileError::Format(error.to_string());
        if !self.parts.iter().all(|part| part.record.is_finite()) {
            return Err(format(&"its record holds a number that is not finite"));
        }
        if !self.edits().all(|(_, update)| update.is_finite()) {
            return Err(format(&"an update holds values that are not finite"));
        }
        let records: Vec<&EditRecord> = self.parts.iter().map(|part| &part.record).collect();
        let record = match records.as_slice() {
            _ if self.edits().next().is_none() => return Err(format(&"it has no edits")),
            [record] => serde_json::to_string(record),
            records => {
                serde_json::to_string(&Parts { format_version: FORMAT_VERSION, parts: records.to_vec() })
            }
        };
        let record = record.map_err(|error| format(&error))?;
        let mut tensors = Vec::new();
        for (weight, updates) in self.updates() {
            tensors.push((format!("{weight}.left"), stack(&updates, |update| &update.left)));
            tensors.push((format!("{weight}.right"), stack(&updates, |update| &update.right)));
        }
        let views: Vec<(&str, TensorView<'_>)> = tensors
            .iter()
            .map(|(name, (shape, bytes))| {
                Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect::<Result<_, safetensors::SafeTensorError>>()
            .map_err(|error| format(&error))?;
        let metadata = HashMap::from([(RECORD.to_owned(), record)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| format(&error))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`EditFileError`] for anything but a file that [`to_bytes`](Self::to_bytes) could have
    /// written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EditFileError> {
        let format = |error: &dyn std::fmt::Display| EditFileError::Format(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| format(&error))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| format(&error))?;
        let record = metadata.metadata().as_ref().and_then(|metadata| metadata.get(RECORD));
        let record = record.ok_or_else(|| format(&"it has no record under the metadata key \"rome\""))?;
        let records = records(record)?;

        let mut vectors: BTreeMap<String, VecDeque<RankOneUpdate>> = BTreeMap::new();
        for name in tensors.names() {
            let Some(weight) = name.strip_suffix(".left") else {
                if name
                    .strip_suffix(".right")
                    .is_none_or(|weight| tensors.tensor(&format!("{weight}.left")).is_err())
                {
                    return Err(format(&format_args!("the tensor {name:?} is not a part of a pair")));
                }
                continue;
            };
            let lefts = unstack(&tensors, name)?;
            let rights = unstack(&tensors, &format!("{weight}.right"))?;
            let edits = records.iter().flat_map(|record| &record.edits);
            let named = edits.filter(|entry| entry.weight == weight).count();
            if lefts.len() != rights.len() || lefts.len() != named {
                return Err(format(&format_args!(
                    "{weight} has {} left and {} right vectors for {named} edits in the record",
                    lefts.len(),
                    rights.len()
                )));
            }
            let pairs = lefts.into_iter().zip(rights).map(|(left, right)| RankOneUpdate { left, right });
            vectors.insert(weight.to_owned(), pairs.collect());
        }
        let mut next = |entry: &EditEntry| vectors.get_mut(&entry.weight)?.pop_front();
        let mut parts = Vec::with_capacity(records.len());
        for record in records {
            let updates: Option<Vec<_>> = record.edits.iter().map(&mut next).collect();
            let Some(updates) = updates else {
                return Err(format(&"the record names a weight that the file has no vectors for"));
            };
            parts.push(EditPart { record, updates });
        }
        let file = Self { parts };
        if file.edits().next().is_none() {
            return Err(format(&"it has no edits"));
        }
        if !file.edits().all(|(_, update)| update.is_finite()) {
            return Err(format(&"an update holds values that are not finite"));
        }
        Ok(file)
    }
}

/// The metadata of files that were combined.
#[derive(Serialize, Deserialize)]
struct Parts<R> {
    format_version: u32,
    parts: Vec<R>,
}

/// Reads the records of a file, one or several.
fn records(json: &str) -> Result<Vec<EditRecord>, EditFileError> {
    #[derive(Deserialize)]
    struct Outline {
        format_version: u32,
        parts: Option<serde::de::IgnoredAny>,
    }
    let format = |error: serde_json::Error| EditFileError::Format(error.to_string());
    let outline: Outline = serde_json::from_str(json).map_err(format)?;
    if outline.format_version != FORMAT_VERSION {
        return Err(EditFileError::Version { version: outline.format_version });
    }
    let records: Vec<EditRecord> = match outline.parts {
        None => vec![serde_json::from_str(json).map_err(format)?],
        Some(_) => serde_json::from_str::<Parts<EditRecord>>(json).map_err(format)?.parts,
    };
    records.iter().try_for_each(check_settings)?;
    Ok(records)
}

fn stack(updates: &[&RankOneUpdate], part: impl Fn(&RankOneUpdate) -> &Vec<f32>) -> (Vec<usize>, Vec<u8>) {
    let size = updates.first().map_or(0, |update| part(update).len());
    let shape = if updates.len() == 1 { vec![size] } else { vec![updates.len(), size] };
    let bytes =
        updates.iter().flat_map(|update| part(update)).flat_map(|value| value.to_le_bytes()).collect();
    (shape, bytes)
}

fn unstack(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<Vec<f32>>, EditFileError> {
    let format = |what: String| EditFileError::Format(format!("the tensor {name:?} {what}"));
    let tensor = tensors.tensor(name).map_err(|_| format("is missing".to_owned()))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format(format!("is {:?}, not F32", tensor.dtype())));
    }
    let width = match *tensor.shape() {
        [width] if width > 0 => width,
        [n, width] if n > 0 && width > 0 => width,
        ref shape => return Err(format(format!("has shape {shape:?}, not [size] or [n, size]"))),
    };
    let values: Vec<f32> = tensor
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    Ok(values.chunks(width).map(<[f32]>::to_vec).collect())
}

/// Checks that settings are those of the record's method.
fn check_settings(record: &EditRecord) -> Result<(), EditFileError> {
    match (record.method.as_str(), &record.settings) {
        ("rome", Some(MethodSettings::Other(settings))) => {
            let error = RomeConfig::deserialize(settings).err().map(|error| error.to_string());
            Err(EditFileError::Format(
                error.unwrap_or_else(|| "its settings are not those of ROME".to_owned()),
            ))
        }
        _ => Ok(()),
    }
}

/// Why a file of edits cannot be written, read or applied.
#[derive(Debug, Clone, Error, PartialEq)]
#[non_exhaustive]
pub enum EditFileError {
    /// It is not a file of edits.
    #[error("not an edit file: {0}")]
    Format(String),
    /// It is of a later version.
    #[error("the file has format version {version}, and this program reads version {FORMAT_VERSION}")]
    Version {
        /// The version in the file.
        version: u32,
    },
    /// It was made for another model.
    #[error("the edit was made for model {}…, but this is model {}…", .made_for.short(), .model.short())]
    OtherModel {
        /// The hash in the file.
        made_for: ModelHash,
        /// The hash of the model at hand.
        model: ModelHash,
    },
    /// There is no edit of this number.
    #[error("there is no edit {index}: the file has {n_edits}, counted from 0")]
    NoSuchEdit {
        /// The number asked for.
        index: usize,
        /// The number of edits.
        n_edits: usize,
    },
    /// The model has no such weight.
    #[error("the model has no weight {weight:?} to edit")]
    UnknownWeight {
        /// The weight's name.
        weight: String,
    },
    /// An update does not fit its weight.
    #[error("{weight}: {error}")]
    Update {
        /// The weight's name.
        weight: String,
        /// The error of the update.
        #[source]
        error: UpdateError,
    },
}

impl Hint for EditFileError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Format(_) | Self::Version { .. } => ErrorKind::Invalid,
            Self::NoSuchEdit { .. } => ErrorKind::NotFound,
            Self::OtherModel { .. } | Self::UnknownWeight { .. } => ErrorKind::OtherModel,
            Self::Update { error, .. } => error.kind(),
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Format(_) => "give an edit file",
            Self::NoSuchEdit { .. } => "count the edits of the file from 0",
            Self::Version { .. } => "use a later version of rome",
            Self::OtherModel { .. } => {
                "an edit fits only the weights it was computed on; make it again for this model"
            }
            Self::UnknownWeight { .. } | Self::Update { .. } => "give the model that the edit was made for",
        };
        hint.into()
    }
}
