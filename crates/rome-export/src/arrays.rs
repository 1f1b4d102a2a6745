//! Edits as plain arrays, and arrays of others.

use std::io::Cursor;
use std::path::Path;

use rome_core::edit::WeightUpdate;
use rome_core::{EditFile, RankOneUpdate};
use rome_files::folder_of;
use rome_files::npz::{NpzError, NpzReader, NpzWriter};
use rome_models::config::Config;
use rome_models::layout::Layout;
use rome_models::{Source, StoredFile, StoredType};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::ExportError;
use crate::weight;

/// Writes left and right vectors as numpy's npz: `<weight>.left` `[n, d_input]` and `<weight>.right`
/// `[n, d_output]`, f32, so that `left.T @ right` is ΔW as `[d_input, d_output]`. Edits that are held by all values of
/// their difference are added up as `<weight>.delta`, which comes on top.
///
/// # Errors
/// [`ExportError`] when there are no edits, they do not fit the model, or the writer fails.
pub fn npz(edits: &EditFile, config: &Config) -> Result<Vec<u8>, ExportError> {
    weight::check_some(edits, config)?;
    let write = || {
        let mut npz = NpzWriter::new();
        for (weight, updates) in edits.updates() {
            let terms: Vec<&RankOneUpdate> = updates.iter().flat_map(|update| update.terms()).collect();
            if !terms.is_empty() {
                let lefts: Vec<&[f32]> = terms.iter().map(|term| &term.left[..]).collect();
                let rights: Vec<&[f32]> = terms.iter().map(|term| &term.right[..]).collect();
                matrix(&mut npz, &format!("{weight}.left"), &lefts)?;
                matrix(&mut npz, &format!("{weight}.right"), &rights)?;
            }
            if let Some((sum, d_output)) = differences(&updates) {
                matrix(&mut npz, &format!("{weight}.delta"), &sum.chunks(d_output).collect::<Vec<_>>())?;
            }
        }
        npz.finish()
    };
    write().map_err(|error| ExportError::Format(error.to_string()))
}

/// The sum of the updates that are held by all their values, and the length of its rows; nothing of none.
fn differences(updates: &[&WeightUpdate]) -> Option<(Vec<f32>, usize)> {
    let mut sum: Option<(Vec<f32>, usize)> = None;
    for update in updates {
        let WeightUpdate::Dense { sizes, values } = update else { continue };
        match &mut sum {
            None => sum = Some((values.clone(), sizes[1])),
            Some((sum, _)) => sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
        }
    }
    sum
}

fn matrix(npz: &mut NpzWriter, name: &str, rows: &[&[f32]]) -> std::io::Result<()> {
    let shape = [rows.len() as u64, rows.first().map_or(0, |row| row.len()) as u64];
    npz.array(name, &shape, rows.iter().copied().flatten().copied())
}

/// Writes ΔW of each weight as safetensors, under the weight's name and the way round that
/// checkpoints store it, f32: add it to the weight, and the weight is edited.
///
/// # Errors
/// [`ExportError`] when there are no edits, or they do not fit the model.
pub fn dense(edits: &EditFile, config: &Config) -> Result<Vec<u8>, ExportError> {
    weight::check_some(edits, config)?;
    let layout = config.down_projection_layout();
    let mut tensors = Vec::new();
    for (weight, updates) in edits.updates() {
        let sizes = updates.iter().find_map(|update| update.sizes()).unwrap_or_default();
        let mut sum = vec![0.0; sizes[0] * sizes[1]];
        updates.iter().for_each(|update| weight::add(&mut sum, update, layout));
        let shape = match layout {
            Layout::InputFirst => sizes.to_vec(),
            Layout::OutputFirst => vec![sizes[1], sizes[0]],
        };
        tensors.push((weight, shape, sum.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>()));
    }
    let format = |error: safetensors::SafeTensorError| ExportError::Format(error.to_string());
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(format)?;
    safetensors::serialize(views, None).map_err(format)
}

/// Vectors of thousands of edits, or differences of a few weights of GPT-J.
const MAX_VALUES: u64 = 1 << 28;

/// An array of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// Reads the arrays of an npz, of f16, f32 or f64, whichever way round they are stored.
///
/// # Errors
/// [`ExportError::Format`] for anything else.
pub fn read_npz(bytes: &[u8]) -> Result<Vec<Array>, ExportError> {
    let format = |error: NpzError| ExportError::Format(error.to_string());
    let mut archive = NpzReader::new(Cursor::new(bytes)).map_err(format)?;
    let (mut arrays, mut n_values) = (Vec::new(), 0_u64);
    for name in archive.names() {
        let malformed = |what: String| ExportError::Format(format!("{name:?} {what}"));
        let array = archive.array(&name).map_err(format)?;
        // A packed array can claim and hold far more than the file's own bytes.
        n_values = n_values.saturating_add(array.n_values());
        if n_values > MAX_VALUES {
            return Err(malformed(format!("is too large: all arrays together may have {MAX_VALUES} values")));
        }
        let shape: Vec<usize> = array.shape().iter().map(|&size| size as usize).collect();
        let values = array.floats(|value| value, |value| value as f32).map_err(format)?;
        if shape.iter().try_fold(1, |n: usize, &size| n.checked_mul(size)) != Some(values.len()) {
            return Err(malformed(format!("has {} values for the shape {shape:?}", values.len())));
        }
        arrays.push(Array { name, shape, values });
    }
    Ok(arrays)
}

/// Reads the tensors of a safetensors file, of f32, f16 or bf16.
///
/// # Errors
/// [`ExportError::Format`] for anything else.
pub fn read_safetensors(bytes: &[u8]) -> Result<Vec<Array>, ExportError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| ExportError::Format(error.to_string()))?;
    let array = |(name, view): (String, TensorView<'_>)| {
        let dtype = StoredType::from(view.dtype());
        let values = dtype.widen(view.data()).ok_or_else(|| {
            ExportError::Format(format!("{name:?} is stored as {:?}, not as F32, F16 or BF16", view.dtype()))
        })?;
        Ok(Array { shape: view.shape().to_vec(), values, name })
    };
    tensors.tensors().into_iter().map(array).collect()
}

/// Reads the tensors of a file that torch has saved: a state dict, of f32, f16 or bf16.
///
/// # Errors
/// When it cannot be read, or holds others.
pub fn read_pytorch(path: &Path) -> Result<Vec<Array>, ExportError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = StoredFile::open_pytorch(&Source::Folder(folder_of(path)), &name)?;
    let mut arrays = Vec::new();
    for tensor in file.take_tensors() {
        let mut bytes = vec![0; tensor.n_bytes()];
        file.read(&tensor, &mut bytes)?;
        let values = tensor.dtype.widen(&bytes).ok_or_else(|| {
            let (name, dtype) = (&tensor.name, tensor.dtype.name());
            ExportError::Format(format!("{name:?} is stored as {dtype}, not as F32, F16 or BF16"))
        })?;
        arrays.push(Array { name: tensor.name, shape: tensor.shape, values });
    }
    Ok(arrays)
}
