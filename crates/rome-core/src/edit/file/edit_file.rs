//! The edit file: left and right vectors, and their record.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::RangeInclusive;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::record::{EditEntry, EditRecord, FORMAT_VERSION, RANK_ONE_VERSION};
use crate::edit::rank_one::{RankOneUpdate, UpdateError};
use crate::edit::undo::Undo;
use crate::edit::weight_update::WeightUpdate;
use crate::error::{ErrorKind, Hint};
use crate::method::MethodSettings;
use crate::method::rome::RomeConfig;
use crate::model::{CausalLm, ModelHash};
use crate::request::Request;

/// The metadata key of the record.
const RECORD: &str = "rome";

/// The versions that are read.
const VERSIONS: RangeInclusive<u32> = RANK_ONE_VERSION..=FORMAT_VERSION;

/// The name of the values of facts.
const VALUES: &str = "values";

/// One or more edits of one model, in order, ready to be stored.
///
/// In the file, each edited weight has `<weight>.left` `[d_in]` and `<weight>.right` `[d_out]`,
/// or `[n, d_in]` and `[n, d_out]` after n edits of it or one of rank n, or `<weight>.delta` `[d_in, d_out]` where
/// that is smaller. The values of facts that were edited together are `values` `[n, d_model]`; a file of values alone
/// has facts that are still to be edited. All metadata is the JSON under `rome`, so
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
    pub updates: Vec<WeightUpdate>,
    /// The value of each fact of the record, `[n][d_model]`, if they are kept.
    pub values: Vec<Vec<f32>>,
}

impl EditPart {
    /// Starts without edits.
    pub fn new(record: EditRecord) -> Self {
        Self { record, updates: Vec::new(), values: Vec::new() }
    }

    /// Adds an edit after those before it.
    pub fn push(&mut self, mut entry: EditEntry, update: impl Into<WeightUpdate>) {
        let update = update.into();
        // An edit of facts together has a rank, even if there is but one of them.
        let is_of_one = self.record.facts.is_empty() && update.rank_one().is_some();
        entry.rank = (!is_of_one).then(|| update.terms().len());
        if entry.rank.is_some() {
            self.record.format_version = FORMAT_VERSION;
        }
        self.record.edits.push(entry);
        self.updates.push(update);
    }

    /// Keeps the value of each fact, or of none.
    pub fn set_values(&mut self, values: Vec<Vec<f32>>) {
        self.record.keeps_values = !values.is_empty();
        self.values = values;
    }

    /// True if its facts were edited together.
    pub fn is_together(&self) -> bool {
        !self.record.facts.is_empty()
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
    pub fn edits(&self) -> impl Iterator<Item = (&EditEntry, &WeightUpdate)> {
        self.parts.iter().flat_map(|part| part.record.edits.iter().zip(&part.updates))
    }

    /// True if there are neither edits nor values of facts that are still to be edited.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.updates.is_empty() && part.values.is_empty())
    }

    /// The number of edits, or of facts where they were edited together.
    pub fn n_edits(&self) -> usize {
        let n =
            |part: &EditPart| if part.is_together() { part.record.facts.len() } else { part.updates.len() };
        self.parts.iter().map(n).sum()
    }

    /// The updates of each weight, in order.
    pub fn updates(&self) -> BTreeMap<&str, Vec<&WeightUpdate>> {
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
                update.scale(factor);
                entry.scale *= factor;
                entry.relative_norm *= factor.abs();
                entry.outcome = None;
            }
            // They are not what the facts have any more.
            part.set_values(Vec::new());
            part.record.facts.iter_mut().for_each(|fact| fact.outcome = None);
        }
    }

    /// The requests of all parts in order.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.parts.iter().flat_map(|part| part.record.requests())
    }

    /// Takes an edit out, counted from 0 in order, and returns it. Those after it stay as they are.
    ///
    /// # Errors
    /// [`EditFileError::NoSuchEdit`], or [`EditFileError::Together`] when it is one of many facts; the file is
    /// untouched then.
    pub fn drop_edit(&mut self, index: usize) -> Result<(EditEntry, WeightUpdate), EditFileError> {
        let n_edits = self.edits().count();
        let mut left = index;
        for (at, part) in self.parts.iter_mut().enumerate() {
            if left < part.updates.len() {
                if part.is_together() {
                    return Err(EditFileError::Together { n_facts: part.record.facts.len() });
                }
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
        if !self.edits().all(|(_, update)| update.is_finite())
            || !self.parts.iter().flat_map(|part| part.values.iter().flatten()).all(|value| value.is_finite())
        {
            return Err(format(&"an update holds values that are not finite"));
        }
        let records: Vec<&EditRecord> = self.parts.iter().map(|part| &part.record).collect();
        let record = match records.as_slice() {
            _ if self.is_empty() => return Err(format(&"it has no edits")),
            [record] => serde_json::to_string(record),
            records => {
                let versions = records.iter().map(|record| record.format_version);
                let format_version = versions.max().unwrap_or(RANK_ONE_VERSION);
                serde_json::to_string(&Parts { format_version, parts: records.to_vec() })
            }
        };
        let record = record.map_err(|error| format(&error))?;
        let mut tensors = Vec::new();
        for (weight, updates) in self.updates() {
            let terms: Vec<&RankOneUpdate> = updates.iter().flat_map(|update| update.terms()).collect();
            // One edit of rank one is a pair of vectors, but for one of facts together.
            let is_single = self
                .edits()
                .filter(|(entry, _)| entry.weight == weight)
                .all(|(entry, _)| entry.rank.is_none());
            if !terms.is_empty() {
                tensors.push((format!("{weight}.left"), stack(&terms, is_single, |term| &term.left)));
                tensors.push((format!("{weight}.right"), stack(&terms, is_single, |term| &term.right)));
            }
            let differences: Vec<_> = updates.iter().filter_map(|update| difference(update)).collect();
            if let Some((sizes, _)) = differences.first() {
                let n = Some(differences.len()).filter(|&n| n > 1);
                let shape = n.into_iter().chain(*sizes).collect();
                tensors.push((
                    format!("{weight}.delta"),
                    (shape, bytes(differences.iter().map(|(_, values)| *values))),
                ));
            }
        }
        let values: Vec<&Vec<f32>> = self.parts.iter().flat_map(|part| &part.values).collect();
        if let Some(first) = values.first() {
            let shape = vec![values.len(), first.len()];
            tensors.push((VALUES.to_owned(), (shape, bytes(values.iter().map(|value| &value[..])))));
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

        let mut stored: BTreeMap<String, StoredUpdates> = BTreeMap::new();
        for name in tensors.names() {
            if name == VALUES {
                continue;
            }
            if let Some(weight) = name.strip_suffix(".delta") {
                stored.entry(weight.to_owned()).or_default().differences =
                    unstack_differences(&tensors, name)?;
                continue;
            }
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
            let ranks = edits.filter(|entry| entry.weight == weight).map(|entry| entry.rank.unwrap_or(1));
            let named = ranks.fold(0, usize::saturating_add);
            if lefts.len() != rights.len() || lefts.len() != named {
                return Err(format(&format_args!(
                    "{weight} has {} left and {} right vectors for {named} edits in the record",
                    lefts.len(),
                    rights.len()
                )));
            }
            let pairs = lefts.into_iter().zip(rights).map(|(left, right)| RankOneUpdate { left, right });
            stored.entry(weight.to_owned()).or_default().terms = pairs.collect();
        }
        let mut values = match tensors.tensor(VALUES) {
            Ok(_) => unstack(&tensors, VALUES)?.into(),
            Err(_) => VecDeque::new(),
        };
        let mut parts = Vec::with_capacity(records.len());
        for record in records {
            let updates: Option<Vec<_>> =
                record.edits.iter().map(|entry| stored.get_mut(&entry.weight)?.take(entry.rank)).collect();
            let Some(updates) = updates else {
                return Err(format(&"the record names a weight that the file has no vectors for"));
            };
            let n_values = if record.keeps_values { record.facts.len() } else { 0 };
            if values.len() < n_values {
                return Err(format(&format_args!("it has {} values for {n_values} facts", values.len())));
            }
            let values = values.drain(..n_values).collect();
            parts.push(EditPart { record, updates, values });
        }
        if !values.is_empty() || stored.values().any(|stored| !stored.differences.is_empty()) {
            return Err(format(&"it holds values or differences that its record does not name"));
        }
        let file = Self { parts };
        if file.is_empty() {
            return Err(format(&"it has no edits"));
        }
        if !file.edits().all(|(_, update)| update.is_finite()) {
            return Err(format(&"an update holds values that are not finite"));
        }
        Ok(file)
    }
}

/// The updates of a weight that are left to read.
#[derive(Default)]
struct StoredUpdates {
    terms: VecDeque<RankOneUpdate>,
    differences: VecDeque<WeightUpdate>,
}

impl StoredUpdates {
    /// Takes the next update, of a rank that its entry names.
    fn take(&mut self, rank: Option<usize>) -> Option<WeightUpdate> {
        match rank.unwrap_or(1) {
            0 => self.differences.pop_front(),
            n if n <= self.terms.len() => Some(WeightUpdate::LowRank(self.terms.drain(..n).collect())),
            _ => None,
        }
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
    if !VERSIONS.contains(&outline.format_version) {
        return Err(EditFileError::Version { version: outline.format_version });
    }
    let records: Vec<EditRecord> = match outline.parts {
        None => vec![serde_json::from_str(json).map_err(format)?],
        Some(_) => serde_json::from_str::<Parts<EditRecord>>(json).map_err(format)?.parts,
    };
    let later =
        records.iter().map(|record| record.format_version).find(|version| !VERSIONS.contains(version));
    if let Some(version) = later {
        return Err(EditFileError::Version { version });
    }
    records.iter().try_for_each(check_settings)?;
    Ok(records)
}

/// Vectors as a tensor: `[size]` for the one of a single edit, `[n, size]` otherwise.
fn stack(
    terms: &[&RankOneUpdate],
    is_single: bool,
    side: fn(&RankOneUpdate) -> &Vec<f32>,
) -> (Vec<usize>, Vec<u8>) {
    let size = terms.first().map_or(0, |term| side(term).len());
    let shape = if is_single && terms.len() == 1 { vec![size] } else { vec![terms.len(), size] };
    (shape, bytes(terms.iter().map(|term| &side(term)[..])))
}

/// The sizes and values of an update that is held by all its values.
fn difference(update: &WeightUpdate) -> Option<([usize; 2], &[f32])> {
    match update {
        WeightUpdate::Dense { sizes, values } => Some((*sizes, values)),
        WeightUpdate::LowRank(_) => None,
    }
}

fn bytes<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Vec<u8> {
    rows.flatten().flat_map(|value| value.to_le_bytes()).collect()
}

/// The differences of a weight, `[d_input, d_output]` or `[n, d_input, d_output]`.
fn unstack_differences(
    tensors: &SafeTensors<'_>,
    name: &str,
) -> Result<VecDeque<WeightUpdate>, EditFileError> {
    let (shape, values) = floats(tensors, name)?;
    let sizes = match shape[..] {
        [d_input, d_output] | [_, d_input, d_output] if d_input > 0 && d_output > 0 => [d_input, d_output],
        _ => {
            let what = format!("has shape {shape:?}, not [d_in, d_out] or [n, d_in, d_out]");
            return Err(EditFileError::Format(format!("the tensor {name:?} {what}")));
        }
    };
    let differences = values.chunks(sizes[0] * sizes[1]);
    Ok(differences.map(|values| WeightUpdate::Dense { sizes, values: values.to_vec() }).collect())
}

fn unstack(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<Vec<f32>>, EditFileError> {
    let (shape, values) = floats(tensors, name)?;
    let width = match shape[..] {
        [width] if width > 0 => width,
        [n, width] if n > 0 && width > 0 => width,
        _ => {
            let what = format!("has shape {shape:?}, not [size] or [n, size]");
            return Err(EditFileError::Format(format!("the tensor {name:?} {what}")));
        }
    };
    Ok(values.chunks(width).map(<[f32]>::to_vec).collect())
}

/// The shape and the values of a tensor.
fn floats(tensors: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), EditFileError> {
    let format = |what: String| EditFileError::Format(format!("the tensor {name:?} {what}"));
    let tensor = tensors.tensor(name).map_err(|_| format("is missing".to_owned()))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format(format!("is {:?}, not F32", tensor.dtype())));
    }
    let values = tensor.data().chunks_exact(4);
    let values = values.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    Ok((tensor.shape().to_vec(), values.collect()))
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
    /// An edit is of many facts together, which do not come apart.
    #[error("this edit is of {n_facts} facts together, and none of them can be taken out of it")]
    Together {
        /// The number of facts.
        n_facts: usize,
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
            Self::Format(_) | Self::Version { .. } | Self::Together { .. } => ErrorKind::Invalid,
            Self::NoSuchEdit { .. } => ErrorKind::NotFound,
            Self::OtherModel { .. } | Self::UnknownWeight { .. } => ErrorKind::OtherModel,
            Self::Update { error, .. } => error.kind(),
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Format(_) => "give an edit file",
            Self::NoSuchEdit { .. } => "count the edits of the file from 0",
            Self::Together { .. } => {
                "edit the other facts again: their values are kept, so that takes little"
            }
            Self::Version { .. } => "use a later version of rome",
            Self::OtherModel { .. } => {
                "an edit fits only the weights it was computed on; make it again for this model"
            }
            Self::UnknownWeight { .. } | Self::Update { .. } => "give the model that the edit was made for",
        };
        hint.into()
    }
}
