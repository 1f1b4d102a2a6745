//! The file of an edit: left and right vectors and how they came about.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::update::{Original, UpdateError};
use crate::{CausalLm, Context, Edit, EditConfig, Precision, Preservation, RankOneUpdate, Request};

/// The version of the format that this crate writes.
pub const FORMAT_VERSION: u32 = 1;

/// The metadata key of the record.
const RECORD: &str = "rome";

/// One or more edits of one model, ready to be stored.
///
/// In the file, each edited weight has `<weight>.left` `[d_in]` and `<weight>.right` `[d_out]`,
/// or `[n, d_in]` and `[n, d_out]` after n edits of it. All metadata is the JSON under `rome`, so
/// that equal edits are equal bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct EditFile {
    /// How the edits came about, in the order they were made.
    pub record: EditRecord,
    /// The updates of each weight, in the order they were made.
    pub updates: BTreeMap<String, Vec<RankOneUpdate>>,
}

/// Everything that determined the edits of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditRecord {
    /// The version of the format.
    pub format_version: u32,
    /// The version of the program that made it.
    pub made_by: String,
    /// The hash of the model it was made for.
    pub model_hash: String,
    /// The hashes of the files of edits that were on the model already, in order.
    pub on_top_of: Vec<String>,
    /// The settings.
    pub settings: EditConfig,
    /// The contexts, exactly as used.
    pub contexts: Vec<Context>,
    /// The preservation prompts.
    pub preservations: Vec<Preservation>,
    /// The seed of the contexts, if they were sampled.
    pub seed: Option<u64>,
    /// What the model's matrices were held in.
    #[serde(default)]
    pub precision: Precision,
    /// The second moment of each layer.
    pub statistics: BTreeMap<usize, StatisticsRecord>,
    /// The edits in the order they were made.
    pub edits: Vec<EditEntry>,
}

/// The second moment that edits of a layer were made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsRecord {
    /// What it was taken over, with a hash of the sums; `identity` if there was none.
    pub source: String,
    /// The condition number of C, ridge included.
    pub condition: f64,
    /// What was added to the diagonal of C, if anything.
    pub ridge: Option<f64>,
}

/// One edit of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditEntry {
    /// The request.
    pub request: Request,
    /// The canonical name of the edited weight.
    pub weight: String,
    /// Its layer.
    pub layer: usize,
    /// The lookup index of each row, then of each preservation row.
    pub lookup_idxs: Vec<usize>,
    /// `[total, nll, kl, decay]` of each step.
    pub losses: Vec<[f64; 4]>,
    /// What the value was divided by.
    pub division_factor: f64,
    /// Its cosine.
    pub alignment: f64,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
}

impl EditFile {
    /// Starts a file without edits.
    pub fn new(record: EditRecord) -> Self {
        Self { record, updates: BTreeMap::new() }
    }

    /// Adds an edit after those before it.
    pub fn push(&mut self, request: &Request, lookup_idxs: Vec<usize>, edit: &Edit) {
        self.updates.entry(edit.weight.clone()).or_default().push(edit.update.clone());
        self.record.edits.push(EditEntry {
            request: request.clone(),
            weight: edit.weight.clone(),
            layer: edit.layer,
            lookup_idxs,
            losses: edit.losses.iter().map(|losses| losses.to_array()).collect(),
            division_factor: edit.division_factor,
            alignment: edit.alignment,
            relative_norm: edit.relative_norm,
        });
    }

    /// Applies the edits to a model and returns what undoes them.
    ///
    /// # Errors
    /// [`EditFileError`] when the file was made for another model or does not fit; the model is
    /// untouched then.
    pub fn apply(&self, model: &mut dyn CausalLm, model_hash: &str) -> Result<Undo, EditFileError> {
        if self.record.model_hash != model_hash {
            return Err(EditFileError::OtherModel {
                made_for: self.record.model_hash.clone(),
                model: model_hash.to_owned(),
            });
        }
        let names: HashMap<String, usize> =
            (0..model.shape().n_layers).map(|layer| (model.weight_name(layer), layer)).collect();
        let mut undo = Undo(Vec::new());
        for (weight, updates) in &self.updates {
            let Some(&layer) = names.get(weight) else {
                undo.restore(model);
                return Err(EditFileError::UnknownWeight { weight: weight.clone() });
            };
            for update in updates {
                match update.apply(model.down_projection_mut(layer)) {
                    Ok(original) => undo.0.push((layer, original)),
                    Err(error) => {
                        undo.restore(model);
                        return Err(EditFileError::Update { weight: weight.clone(), error });
                    }
                }
            }
        }
        Ok(undo)
    }

    /// Returns the bytes of the file, the same for the same edits.
    ///
    /// # Errors
    /// [`EditFileError::Format`] when the record holds a number that is not finite, which JSON cannot
    /// hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EditFileError> {
        let format = |error: &dyn std::fmt::Display| EditFileError::Format(error.to_string());
        let numbers = self.record.edits.iter().flat_map(|edit| {
            let losses = edit.losses.iter().flatten().copied();
            losses.chain([edit.division_factor, edit.alignment, edit.relative_norm])
        });
        if numbers.into_iter().any(|number| !number.is_finite()) {
            return Err(format(&"its record holds a number that is not finite"));
        }
        let record = serde_json::to_string(&self.record).map_err(|error| format(&error))?;
        let mut tensors = Vec::new();
        for (weight, updates) in &self.updates {
            tensors.push((format!("{weight}.left"), stack(updates, |update| &update.left)));
            tensors.push((format!("{weight}.right"), stack(updates, |update| &update.right)));
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
        let version: Version = serde_json::from_str(record).map_err(|error| format(&error))?;
        if version.format_version != FORMAT_VERSION {
            return Err(EditFileError::Version { version: version.format_version });
        }
        let record: EditRecord = serde_json::from_str(record).map_err(|error| format(&error))?;

        let mut updates = BTreeMap::new();
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
            let named = record.edits.iter().filter(|entry| entry.weight == weight).count();
            if lefts.len() != rights.len() || lefts.len() != named {
                return Err(format(&format_args!(
                    "{weight} has {} left and {} right vectors for {named} edits in the record",
                    lefts.len(),
                    rights.len()
                )));
            }
            let pairs = lefts.into_iter().zip(rights).map(|(left, right)| RankOneUpdate { left, right });
            updates.insert(weight.to_owned(), pairs.collect());
        }
        if record.edits.iter().any(|entry| !updates.contains_key(&entry.weight)) {
            return Err(format(&"the record names a weight that the file has no vectors for"));
        }
        Ok(Self { record, updates })
    }
}

/// What undoes the edits of a file.
#[derive(Debug, Default)]
pub struct Undo(Vec<(usize, Original)>);

impl Undo {
    /// Puts the weights back, to the bit.
    pub fn restore(self, model: &mut dyn CausalLm) {
        for (layer, original) in self.0.into_iter().rev() {
            original.restore(model.down_projection_mut(layer));
        }
    }
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

fn stack(updates: &[RankOneUpdate], part: impl Fn(&RankOneUpdate) -> &Vec<f32>) -> (Vec<usize>, Vec<u8>) {
    let size = updates.first().map_or(0, |update| part(update).len());
    let shape = if updates.len() == 1 { vec![size] } else { vec![updates.len(), size] };
    let bytes = updates.iter().flat_map(&part).flat_map(|value| value.to_le_bytes()).collect();
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

/// Why a file of edits cannot be written, read or applied.
#[derive(Debug, Error, PartialEq)]
pub enum EditFileError {
    /// It is not a file of edits.
    #[error("not a file of edits: {0}")]
    Format(String),
    /// It is of a later version.
    #[error("the file has format version {version}, and this program reads version {FORMAT_VERSION}")]
    Version {
        /// The version in the file.
        version: u32,
    },
    /// It was made for another model.
    #[error("the edit was made for the model {}…, and this one is {}…", short(.made_for), short(.model))]
    OtherModel {
        /// The hash in the file.
        made_for: String,
        /// The hash of the model at hand.
        model: String,
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
        /// What is wrong.
        error: UpdateError,
    },
}

impl EditFileError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Format(_) => "give a file that rome edit has written",
            Self::Version { .. } => "use a later version of rome",
            Self::OtherModel { .. } => {
                "an edit fits only the weights it was computed on; make it again for this model"
            }
            Self::UnknownWeight { .. } | Self::Update { .. } => "give the model that the edit was made for",
        }
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
