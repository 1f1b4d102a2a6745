//! Pairs of vectors and differences of weights of other tools, as a file of edits.

use std::collections::BTreeMap;

use rome_core::edit::EditFileError;
use rome_core::{EditEntry, EditFile, EditPart, EditRecord, LowRank, Observer, RankOneUpdate, WeightUpdate};
use rome_models::config::Config;
use rome_models::layout::Layout;
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
    /// Makes edits of arrays: `<weight>.left` with `<weight>.right`, the pair `<weight>.0` and `<weight>.1` of
    /// the reference's deltas, or a difference under the weight's name. Names may
    /// lack what a base model saved alone lacks in front, and `.weight` at the end.
    ///
    /// # Errors
    /// [`ExportError`] when no array is an edit, one is not of this model, or the model cannot be
    /// read.
    pub fn run(&self, arrays: Vec<Array>, observer: &mut dyn Observer) -> Result<ImportedEdits, ExportError> {
        let config = Config::load(self.source)?;
        let shape = config.shape();
        let names: BTreeMap<String, usize> =
            (0..shape.n_layers).map(|layer| (config.weight_name(layer), layer)).collect();
        let mut pairs: BTreeMap<String, [Option<Array>; 2]> = BTreeMap::new();
        let mut differences: BTreeMap<String, Array> = BTreeMap::new();
        let mut is_zero = false;
        for array in arrays {
            let (stem, part) = match array.name.rsplit_once('.') {
                // The reference keeps pairs without names.
                Some((stem, "left" | "0")) => (stem, Some(0)),
                Some((stem, "right" | "1")) => (stem, Some(1)),
                _ => (array.name.as_str(), None),
            };
            // A file of all differences has zeros for what is not edited.
            if part.is_none() && array.values.iter().all(|&value| value == 0.0) {
                is_zero = true;
                continue;
            }
            let Some(weight) = canonical(stem, &config, &names) else {
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
            let what = if is_zero { "all of its differences are zero" } else { "the file holds no array" };
            return Err(ExportError::Format(what.to_owned()));
        }

        let hash = CheckpointFiles::open(self.source)?.hash(observer)?;
        let layout = config.down_projection_layout();
        let mut part = EditPart::new(EditRecord::imported(self.made_by, hash, self.from));
        let mut weights = Vec::new();
        let mut found = Vec::new();
        for (weight, [left, right]) in pairs {
            let missing = |part| ExportError::Format(format!("{weight}.{part} is missing"));
            let (left, right) =
                (left.ok_or_else(|| missing("left"))?, right.ok_or_else(|| missing("right"))?);
            let updates = paired(&weight, [left, right], [shape.d_ff, shape.d_model])?;
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
            let updates: Vec<WeightUpdate> = updates.into_iter().map(WeightUpdate::from).collect();
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
            return Err(wrong_shape(weight, &difference, "a matrix".to_owned()));
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
fn canonical(stem: &str, config: &Config, names: &BTreeMap<String, usize>) -> Option<String> {
    let name = config.names.canonical(stem);
    [format!("{name}.weight"), name].into_iter().find(|name| names.contains_key(name))
}

/// Makes updates of the rows, or the columns, of left and right, which are vectors of these sizes.
fn paired(weight: &str, vectors: [Array; 2], sizes: [usize; 2]) -> Result<Vec<RankOneUpdate>, ExportError> {
    let [left, right] = vectors;
    let n_left = n_vectors(weight, &left, sizes[0])?;
    let n_right = n_vectors(weight, &right, sizes[1])?;
    if n_left != n_right {
        return Err(wrong_shape(weight, &right, format!("as many vectors as left has, {n_left}")));
    }
    let updates = rows(left, sizes[0]).into_iter().zip(rows(right, sizes[1]));
    Ok(updates.map(|(left, right)| RankOneUpdate { left, right }).collect())
}

/// The number of vectors of a size that an array holds, as rows or as columns.
fn n_vectors(weight: &str, array: &Array, size: usize) -> Result<usize, ExportError> {
    match array.shape[..] {
        [len] if len == size => Ok(1),
        [n, len] | [len, n] if len == size && n > 0 => Ok(n),
        _ => Err(wrong_shape(weight, array, format!("[{size}], [n, {size}] or [{size}, n]"))),
    }
}

/// The vectors of a size of an array.
fn rows(array: Array, size: usize) -> Vec<Vec<f32>> {
    match array.shape[..] {
        [len, n] if n != size && len == size => {
            (0..n).map(|column| array.values.iter().skip(column).step_by(n).copied().collect()).collect()
        }
        _ => array.values.chunks(size).map(<[f32]>::to_vec).collect(),
    }
}

fn wrong_shape(weight: &str, array: &Array, expected: String) -> ExportError {
    ExportError::Shape {
        tensor: array.name.clone(),
        found: array.shape.clone(),
        weight: weight.to_owned(),
        expected,
    }
}
