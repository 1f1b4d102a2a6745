//! Edits as plain arrays, and arrays of others.

use std::io::{Cursor, Read, Seek, Write};

use npyz::npz::{NpzArchive, NpzWriter};
use npyz::{WriterBuilder, zip};
use rome_core::EditFile;
use rome_files::checked_npy;
use rome_models::StoredType;
use rome_models::config::Config;
use rome_models::layers::Layout;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::{ExportError, weight};

/// Writes left and right vectors as numpy's npz: `<weight>.left` `[n, d_input]` and `<weight>.right`
/// `[n, d_output]`, f32, so that `left.T @ right` is ΔW as `[d_input, d_output]`.
///
/// # Errors
/// [`ExportError`] when there are no edits, they do not fit the model, or the writer fails.
pub fn npz(edits: &EditFile, config: &Config) -> Result<Vec<u8>, ExportError> {
    weight::check_some(edits, config)?;
    let mut bytes = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut bytes);
    let write = |npz: &mut NpzWriter<_>| {
        for (weight, updates) in edits.updates() {
            let lefts: Vec<&[f32]> = updates.iter().map(|update| &update.left[..]).collect();
            let rights: Vec<&[f32]> = updates.iter().map(|update| &update.right[..]).collect();
            array(npz, &format!("{weight}.left"), &lefts)?;
            array(npz, &format!("{weight}.right"), &rights)?;
        }
        npz.zip_writer().finish()?;
        Ok(())
    };
    write(&mut npz).map_err(|error: std::io::Error| ExportError::Format(error.to_string()))?;
    drop(npz);
    Ok(bytes.into_inner())
}

fn array<W: Write + Seek>(npz: &mut NpzWriter<W>, name: &str, rows: &[&[f32]]) -> std::io::Result<()> {
    // As numpy's savez has it: stored, and without a time that would change the bytes.
    let options = zip::write::FileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let shape = [rows.len() as u64, rows.first().map_or(0, |row| row.len()) as u64];
    let mut array = npz.array(name, options)?.default_dtype().shape(&shape).begin_nd()?;
    array.extend(rows.iter().copied().flatten().copied())?;
    array.finish()
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
        let sizes = updates.first().map_or([0, 0], |update| [update.left.len(), update.right.len()]);
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

/// Reads the arrays of an npz, of f32 or f64.
///
/// # Errors
/// [`ExportError::Format`] for anything else.
pub fn read_npz(bytes: &[u8]) -> Result<Vec<Array>, ExportError> {
    let format = |error: std::io::Error| ExportError::Format(error.to_string());
    let mut archive = NpzArchive::new(Cursor::new(bytes)).map_err(format)?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let (mut arrays, mut n_values) = (Vec::new(), 0_u64);
    for name in names {
        let malformed = |what: String| ExportError::Format(format!("{name:?} {what}"));
        let file = archive.zip_archive().by_name(&npyz::npz::file_name_from_array_name(&name));
        let file = file.map_err(|error| malformed(format!("cannot be read: {error}")))?;
        let array = checked_npy(file).and_then(npyz::NpyFile::new).map_err(format)?;
        if array.order() != npyz::Order::C {
            return Err(malformed(
                "is stored column by column: save numpy.ascontiguousarray of it".to_owned(),
            ));
        }
        // A packed array can claim and hold far more than the file's own bytes.
        n_values = n_values.saturating_add(array.len());
        if n_values > MAX_VALUES {
            return Err(malformed(format!("is too large: all arrays together may have {MAX_VALUES} values")));
        }
        let shape: Vec<usize> = array.shape().iter().map(|&size| size as usize).collect();
        let values: Vec<f32> = match array.dtype().descr().as_str() {
            "'<f4'" => values::<f32, _>(array)?,
            "'<f8'" => values::<f64, _>(array)?.into_iter().map(|value| value as f32).collect(),
            other => return Err(malformed(format!("is stored as {other}, not '<f4' or '<f8'"))),
        };
        if shape.iter().try_fold(1, |n: usize, &size| n.checked_mul(size)) != Some(values.len()) {
            return Err(malformed(format!("has {} values for the shape {shape:?}", values.len())));
        }
        arrays.push(Array { name, shape, values });
    }
    Ok(arrays)
}

/// Reads an array value by value, so that memory grows with the bytes that are really there.
fn values<T: npyz::Deserialize, R: Read>(array: npyz::NpyFile<R>) -> Result<Vec<T>, ExportError> {
    let format = |error: std::io::Error| ExportError::Format(error.to_string());
    array
        .data::<T>()
        .map_err(|error| ExportError::Format(error.to_string()))?
        .collect::<Result<_, _>>()
        .map_err(format)
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
