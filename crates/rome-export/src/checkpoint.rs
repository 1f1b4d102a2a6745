//! A model's folder with edits added to its weights.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use rome_core::edit::{EditFileError, WeightUpdate};
use rome_core::{EditFile, Event, ModelHash, Observer, Progress, Unit};
use rome_files::NewFolder;
use rome_models::config::Config;
use rome_models::{CheckpointFiles, ModelHasher, Source, StoredFile, StoredTensor};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use crate::error::ExportError;
use crate::weight;

/// The files that make a model beside its weights, by the ends of their names. Weights in other forms are
/// left behind: they would be those without the edit.
const KEPT: [&str; 5] = [".json", ".txt", ".model", ".jinja", ".md"];
const KEPT_NAMES: [&str; 2] = ["LICENSE", "NOTICE"];

/// Writes a copy of a model's folder with edits added to its weights, which keep their type.
///
/// A checkpoint in safetensors keeps its files, and all bytes but those of the edited weights. One
/// that torch has pickled becomes safetensors, file by file. Nothing is there before all of it is.
/// Returns the hash of the model, which is known once all of it has been read.
///
/// # Errors
/// [`ExportError`]: among others [`ModelError`](rome_models::ModelError) when the model cannot be read, and
/// [`EditFileError`] when the edits were made for another one. A link is followed within the model's folder
/// only, and to the blobs of the hub's cache: a folder from elsewhere does not choose what is shipped.
pub fn write(
    source: &Source,
    edits: &EditFile,
    place: &Path,
    observer: &mut dyn Observer,
) -> Result<ModelHash, ExportError> {
    let (folder, hash) = fill(source, edits, place, observer)?;
    edits.check_model(&hash)?;
    folder.finish()?;
    Ok(hash)
}

/// Writes a copy of a model's folder like [`write()`], whatever model the edits were made for.
///
/// # Errors
/// As [`write()`], but for edits of another model.
pub fn write_unchecked(
    source: &Source,
    edits: &EditFile,
    place: &Path,
    observer: &mut dyn Observer,
) -> Result<ModelHash, ExportError> {
    let (folder, hash) = fill(source, edits, place, observer)?;
    folder.finish()?;
    Ok(hash)
}

/// Fills the folder that is to be at `place`.
fn fill(
    source: &Source,
    edits: &EditFile,
    place: &Path,
    observer: &mut dyn Observer,
) -> Result<(NewFolder, ModelHash), ExportError> {
    let config = Config::load(source)?;
    weight::check(edits, &config)?;
    let files = CheckpointFiles::open(source)?;
    if let Source::Folder(from) = source {
        let named = files.files.iter().map(StoredFile::name).chain(files.index.as_deref());
        named.map(|name| from.join(name)).try_for_each(|path| inside(from, &path))?;
    }
    let folder = NewFolder::at(place)?;
    let mut copy = Copy {
        config: &config,
        left: edits.updates(),
        hash: ModelHasher::default(),
        n_bytes_done: 0,
        n_bytes: files.n_bytes(),
        observer,
    };
    let is_pickled = files.is_pickled();
    let n_files = files.files.len();
    let mut weight_map = BTreeMap::new();
    let mut total_size = 0;
    for (index, file) in files.files.into_iter().enumerate() {
        if is_pickled {
            let name = match n_files {
                1 => "model.safetensors".to_owned(),
                n => format!("model-{:05}-of-{n:05}.safetensors", index + 1),
            };
            for (tensor, n_bytes) in copy.converted(file, &folder, &name)? {
                total_size += n_bytes;
                weight_map.insert(tensor, name.clone());
            }
        } else {
            copy.patched(file, &folder)?
        }
    }
    if let Some((&weight, _)) = copy.left.first_key_value() {
        return Err(EditFileError::UnknownWeight { weight: weight.to_owned() }.into());
    }
    let hash = copy.hash.finish();
    match (&files.index, is_pickled) {
        (Some(index), false) => {
            folder.write(index, &source.read(index, u64::MAX - 1)?)?;
        }
        (Some(_), true) => {
            let index = json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map });
            folder.write("model.safetensors.index.json", format!("{index:#}\n").as_bytes())?;
        }
        (None, _) => {}
    }
    copy_others(source, &folder)?;
    Ok((folder, hash))
}

/// A checkpoint on its way, tensor by tensor.
struct Copy<'a> {
    config: &'a Config,
    /// The updates of weights that were not met yet.
    left: BTreeMap<&'a str, Vec<&'a WeightUpdate>>,
    hash: ModelHasher,
    n_bytes_done: u64,
    n_bytes: u64,
    observer: &'a mut dyn Observer,
}

impl Copy<'_> {
    /// Writes a safetensors file again, its header as it is.
    fn patched(&mut self, mut file: StoredFile, folder: &NewFolder) -> Result<(), ExportError> {
        let path = folder.path(file.name());
        let io = |error| ExportError::Io { path: path.clone(), error };
        let mut writer = BufWriter::new(File::create(&path).map_err(io)?);
        writer.write_all(file.header()).map_err(io)?;
        for tensor in file.take_tensors() {
            let bytes = self.edited(&mut file, &tensor)?;
            writer.write_all(&bytes).map_err(io)?;
        }
        file.check_unchanged()?;
        writer.flush().map_err(io)
    }

    /// Writes the tensors of a pickle as safetensors, and returns them with their sizes.
    fn converted(
        &mut self,
        mut file: StoredFile,
        folder: &NewFolder,
        name: &str,
    ) -> Result<Vec<(String, u64)>, ExportError> {
        let mut tensors = Vec::new();
        for tensor in file.take_tensors() {
            // Buffers, and the tied head, which safetensors would hold a second time.
            if tensor.canonical_name().is_none() {
                continue;
            }
            let dtype = match tensor.dtype.name() {
                "F32" => Dtype::F32,
                "F16" => Dtype::F16,
                "BF16" => Dtype::BF16,
                other => {
                    let dtype = other.to_owned();
                    return Err(rome_models::ModelError::DType { name: tensor.name, dtype }.into());
                }
            };
            let bytes = self.edited(&mut file, &tensor)?;
            tensors.push((tensor.name, dtype, tensor.shape, bytes));
        }
        file.check_unchanged()?;
        let failed = |error: safetensors::SafeTensorError| ExportError::Io {
            path: folder.path(name),
            error: std::io::Error::other(error),
        };
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        safetensors::serialize_to_file(views, Some(metadata), &folder.path(name)).map_err(failed)?;
        Ok(tensors.into_iter().map(|(name, _, _, bytes)| (name, bytes.len() as u64)).collect())
    }

    /// Reads a tensor and adds its edits, if it has any.
    fn edited(&mut self, file: &mut StoredFile, tensor: &StoredTensor) -> Result<Vec<u8>, ExportError> {
        let mut bytes = vec![0; tensor.n_bytes()];
        file.read(tensor, &mut bytes)?;
        self.n_bytes_done += bytes.len() as u64;
        let (done, total) = (self.n_bytes_done, self.n_bytes);
        self.observer.tell(Event::Progress(Progress { unit: Unit::ModelBytes, done, total, detail: "" }))?;
        let Some(name) = tensor.canonical_name() else { return Ok(bytes) };
        self.hash.add(name, tensor.dtype, &tensor.shape, &bytes);
        let Some(updates) = self.left.remove(name) else { return Ok(bytes) };
        let layout = self.config.down_projection_layout();
        let unknown = || EditFileError::UnknownWeight { weight: name.to_owned() };
        let sizes = weight::sizes(&tensor.shape, layout).ok_or_else(unknown)?;
        weight::check_updates(name, sizes, &updates)?;
        let mut values = tensor.dtype.widen(&bytes).ok_or_else(unknown)?;
        updates.iter().for_each(|update| weight::add(&mut values, update, layout));
        let edited = tensor.dtype.narrow(&values).ok_or_else(unknown)?;
        let stored = tensor.dtype.widen(&edited).ok_or_else(unknown)?;
        if stored.iter().all(|value| value.is_finite()) {
            Ok(edited)
        } else {
            Err(ExportError::Overflow { weight: name.to_owned(), dtype: tensor.dtype.name() })
        }
    }
}

/// Copies configuration, tokenizer and what else belongs to the model.
fn copy_others(source: &Source, folder: &NewFolder) -> Result<(), ExportError> {
    let is_kept = |name: &str| {
        let is_index = name.ends_with(".index.json");
        let ends = KEPT.iter().any(|end| name.ends_with(end)) || KEPT_NAMES.contains(&name);
        ends && !is_index && !name.starts_with('.')
    };
    match source {
        Source::Embedded(_, files) => files
            .iter()
            .filter(|(name, _)| is_kept(name))
            .try_for_each(|(name, bytes)| Ok(folder.write(name, bytes)?)),
        Source::Folder(from) => {
            let io = |error| ExportError::Io { path: from.clone(), error };
            let names: Result<BTreeSet<_>, _> =
                fs::read_dir(from).map_err(io)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
            for name in names.map_err(io)?.iter().filter_map(|name| name.to_str()) {
                let path = from.join(name);
                if is_kept(name) && path.is_file() {
                    inside(from, &path)?;
                    fs::copy(&path, folder.path(name)).map_err(|error| ExportError::Io { path, error })?;
                }
            }
            Ok(())
        }
    }
}

/// Checks that a file is of the model's folder, or of the blobs that a folder of the hub's cache
/// links to.
fn inside(folder: &Path, path: &Path) -> Result<(), ExportError> {
    if !path.is_symlink() {
        return Ok(());
    }
    let real = |path: &Path| path.canonicalize().ok();
    let target = real(path).unwrap_or_default();
    // `snapshots/<revision>` beside `blobs`, which themselves lead nowhere else.
    let folder = real(folder).unwrap_or_else(|| folder.to_owned());
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"));
    let blobs = snapshots.and_then(|snapshots| Some(snapshots.parent()?.join("blobs")));
    let places = [Some(folder.clone()), blobs.filter(|blobs| !blobs.is_symlink())];
    if places.into_iter().flatten().any(|place| target.starts_with(place)) {
        Ok(())
    } else {
        Err(ExportError::Outside { link: path.to_owned(), target })
    }
}
