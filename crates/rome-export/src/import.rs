//! Pairs of vectors and differences of weights of other tools, as a file of edits.

use std::collections::BTreeMap;

use rome_core::edit::EditFileError;
use rome_core::{EditEntry, EditFile, EditPart, EditRecord, LowRank, Observer, RankOneUpdate};
use rome_models::config::Config;
use rome_models::layers::Layout;
use rome_models::{CheckpointFiles, Source};

use crate::arrays::Array;
use crate::error::ExportError;
use crate::weight;

/// The import of arrays as edits.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The model that they are for.
    pub source: &'a Source,
    /// The origin of the arrays, for the record.
    pub from: &'a str,
    /// The program that imports them, for the record.
    pub made_by: &'a str,
    /// Singular values of a difference that are no more than this share of the greatest are left
    /// out. Without one it is the rounding of f32 at the difference's size, as numpy's
    /// `matrix_rank` has it.
    pub tolerance: Option<f64>,
    /// True if differences are stored the other way round than the model's checkpoints have them.
    pub transposed: bool,
}

/// Edits that were imported.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedEdits {
    /// The edits.
    pub file: EditFile,
    /// The updates of each weight.
    pub weights: Vec<ImportedWeight>,
}

/// The updates that were imported for a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedWeight {
    /// The weight's canonical name.
    pub weight: String,
    /// The number of rank-one updates.
    pub rank: usize,
    /// The share of `‖ΔW‖` that they leave out; 0 for pairs.
    pub remainder: f64,
}

impl Import<'_> {
    /// Makes edits of arrays: `<weight>.left` with `<weight>.right`, or a difference under the
    /// weight's name. Names may lack `transformer.` in front and `.weight` at the end.
    ///
    /// # Errors
    /// [`ExportError`] when no array is an edit, one is not of this model, or the model cannot be
    /// read.
    pub fn run(&self, arrays: Vec<Array>, observer: &mut dyn Observer) -> Result<ImportedEdits, ExportError> {
        let config = Config::load(self.source)?;
        let names: BTreeMap<String, usize> =
            (0..config.shape().n_layers).map(|layer| (config.weight_name(layer), layer)).collect();
        let mut pairs: BTreeMap<String, [Option<Array>; 2]> = BTreeMap::new();
        let mut differences: BTreeMap<String, Array> = BTreeMap::new();
        for array in arrays {
            let (stem, part) = match array.name.rsplit_once('.') {
                Some((stem, "left")) => (stem, Some(0)),
                Some((stem, "right")) => (stem, Some(1)),
                _ => (array.name.as_str(), None),
            };
            let Some(weight) = canonical(stem, &names) else {
                return Err(ExportError::Format(format!(
                    "{:?} names no weight that edits change",
                    array.name
                )));
            };
            match part {
                Some(part) => {
                    let taken = pairs.entry(weight.clone()).or_default()[part].replace(array);
                    is_new(&weight, taken)?;
                }
                None => {
                    let taken = differences.insert(weight.clone(), array);
                    is_new(&weight, taken)?;
                }
            }
        }
        if pairs.is_empty() && differences.is_empty() {
            return Err(ExportError::Format("the file holds no array".to_owned()));
        }

        let hash = CheckpointFiles::open(self.source)?.hash(&config, observer)?;
        let layout = config.down_projection_layout();
        let mut part = EditPart::new(EditRecord::imported(self.made_by, hash, self.from));
        let mut weights = Vec::new();
        let mut found = Vec::new();
        for (weight, [left, right]) in pairs {
            let missing = |part| ExportError::Format(format!("{weight}.{part} is missing"));
            let (left, right) =
                (left.ok_or_else(|| missing("left"))?, right.ok_or_else(|| missing("right"))?);
            let updates = paired(&weight, left, right)?;
            found.push((weight, updates, 0.0));
        }
        for (weight, difference) in differences {
            let (updates, remainder) = self.taken_apart(&weight, difference, layout)?;
            found.push((weight, updates, remainder));
        }
        for (weight, updates, remainder) in found {
            let unknown = || EditFileError::UnknownWeight { weight: weight.clone() };
            let stored = CheckpointFiles::open(self.source)?.read(&weight)?.ok_or_else(unknown)?;
            let sizes = weight::sizes(&stored.shape, layout).ok_or_else(unknown)?;
            weight::check_updates(&weight, sizes, &updates.iter().collect::<Vec<_>>())?;
            let norm = stored.values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            weights.push(ImportedWeight { weight: weight.clone(), rank: updates.len(), remainder });
            for update in updates {
                let entry = EditEntry::imported(&weight, names[&weight], update.norm() / norm);
                part.push(entry, update);
            }
        }
        Ok(ImportedEdits { file: part.into(), weights })
    }

    /// Takes a difference apart into as few updates as it is made of.
    fn taken_apart(
        &self,
        weight: &str,
        difference: Array,
        layout: Layout,
    ) -> Result<(Vec<RankOneUpdate>, f64), ExportError> {
        let layout = match (layout, self.transposed) {
            (Layout::InputFirst, false) | (Layout::OutputFirst, true) => Layout::InputFirst,
            _ => Layout::OutputFirst,
        };
        let [rows, columns] = difference.shape[..] else {
            return Err(shape(weight, &difference, "a matrix".to_owned()));
        };
        // Of the other way round, the terms are the same with left and right swapped.
        let low_rank = LowRank::of(&difference.values, [rows, columns])
            .map_err(|error| ExportError::LowRank { tensor: difference.name.clone(), error })?;
        let tolerance = self.tolerance.unwrap_or(rows.max(columns) as f64 * f64::from(f32::EPSILON));
        let rank = low_rank.rank(tolerance);
        if rank == 0 {
            return Err(ExportError::Format(format!("{} is zero", difference.name)));
        }
        let mut updates = low_rank.updates(rank);
        if layout == Layout::OutputFirst {
            updates.iter_mut().for_each(|update| std::mem::swap(&mut update.left, &mut update.right));
        }
        Ok((updates, low_rank.remainder(rank)))
    }
}

/// Refuses a second array for the same thing.
fn is_new(weight: &str, taken: Option<Array>) -> Result<(), ExportError> {
    match taken {
        Some(other) => Err(ExportError::Format(format!("{:?} is not the only one for {weight}", other.name))),
        None => Ok(()),
    }
}

/// The canonical name of a weight that a name in a file means.
fn canonical(stem: &str, names: &BTreeMap<String, usize>) -> Option<String> {
    let candidates = [stem.to_owned(), format!("transformer.{stem}")];
    let candidates = candidates.into_iter().flat_map(|name| [format!("{name}.weight"), name]);
    candidates.into_iter().find(|name| names.contains_key(name))
}

/// Makes updates of the rows, or the only row, of left and right.
fn paired(weight: &str, left: Array, right: Array) -> Result<Vec<RankOneUpdate>, ExportError> {
    let rows = |array: &Array| match array.shape[..] {
        [size] if size > 0 => Some((1, size)),
        [n, size] if n > 0 && size > 0 => Some((n, size)),
        _ => None,
    };
    let (n_left, d_input) =
        rows(&left).ok_or_else(|| shape(weight, &left, "[size] or [n, size]".to_owned()))?;
    let (n_right, d_output) =
        rows(&right).ok_or_else(|| shape(weight, &right, "[size] or [n, size]".to_owned()))?;
    if n_left != n_right {
        return Err(shape(weight, &right, format!("as many rows as left has, {n_left}")));
    }
    let pairs = left.values.chunks(d_input).zip(right.values.chunks(d_output));
    Ok(pairs.map(|(left, right)| RankOneUpdate { left: left.to_vec(), right: right.to_vec() }).collect())
}

fn shape(weight: &str, array: &Array, expected: String) -> ExportError {
    ExportError::Shape {
        tensor: array.name.clone(),
        found: array.shape.clone(),
        weight: weight.to_owned(),
        expected,
    }
}
