//! Places of files of statistics.

use std::fs;
use std::path::{Path, PathBuf};

use rome_core::ModelHash;
use rome_files::FileError;
use rome_stats::Shard;

use super::error::StatisticsError;
use crate::error::Error;
use crate::model::Model;

/// The folder that statistics of all models are kept in by default: `ROME_CACHE`, or the system's.
///
/// # Errors
/// When there is no such folder.
pub fn cache() -> Result<PathBuf, Error> {
    let cache = match std::env::var_os("ROME_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir().map(|folder| folder.join("rome")).ok_or(StatisticsError::NoCache)?,
    };
    Ok(cache.join("statistics"))
}

/// The folder that statistics of a model are kept in by default.
///
/// # Errors
/// As [`cache`].
pub fn cache_folder(model_hash: &ModelHash) -> Result<PathBuf, Error> {
    Ok(cache()?.join(model_hash.as_str()))
}

/// The folder that files of statistics go to, made if it is not there: the one given, or the cache's.
pub(super) fn output_folder(given: Option<&Path>, model_hash: &ModelHash) -> Result<PathBuf, Error> {
    let folder = match given {
        Some(folder) => folder.to_owned(),
        None => {
            let cache = cache()?;
            fs::create_dir_all(&cache).map_err(|error| FileError::Write { path: cache, error })?;
            cache_folder(model_hash)?
        }
    };
    rome_files::make_folder(&folder)?;
    Ok(folder)
}

/// The name of the file of a layer's statistics.
pub fn file_name(layer: usize) -> String {
    format!("layer-{layer}{}", file_ending(None))
}

/// The ending of a collection's files, by its shard.
pub fn file_ending(shard: Option<Shard>) -> String {
    match shard {
        None => ".safetensors".to_owned(),
        Some(Shard { index, of }) => format!(".shard-{index}-of-{of}.safetensors"),
    }
}

/// A cache of the reference says which layer it is of by its name alone.
pub(super) fn check_file_name(path: &Path, model: &Model, layer: usize) -> Result<(), Error> {
    let name = name_of(path);
    let module = module_prefix(model, layer);
    // Named by a module of any layer of this model's family.
    let is_by_module =
        (0..model.lm().shape().n_layers).any(|layer| name.starts_with(&module_prefix(model, layer)));
    if is_by_module && !name.starts_with(&module) {
        Err(StatisticsError::OtherLayerName { path: path.to_owned(), layer, module }.into())
    } else {
        Ok(())
    }
}

/// The beginning of the names of the reference's files for a layer.
pub fn module_prefix(model: &Model, layer: usize) -> String {
    model.lm().weight_name(layer).trim_end_matches(".weight").to_owned() + "_"
}

/// A folder of ours has `layer-<l>.safetensors`; one of the reference has files named by module.
pub(super) fn file_in(folder: &Path, model: &Model, layer: usize) -> Result<Option<PathBuf>, Error> {
    let ours = folder.join(file_name(layer));
    if ours.is_file() || !folder.is_dir() {
        return Ok(Some(ours).filter(|ours| ours.is_file()));
    }
    let module = module_prefix(model, layer);
    // The reference keeps them by the name of the model, and in there by that of the dataset.
    let mut theirs = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in entries(&folder)? {
            let is_dataset = || name_of(&entry).ends_with("_stats");
            if !entry.is_dir() {
                theirs.push(entry);
            } else if is_dataset() || depth == 0 {
                folders.push((entry, depth + 1));
            }
        }
    }
    theirs.retain(|path| name_of(path).starts_with(&module) && name_of(path).ends_with(".npz"));
    theirs.sort();
    match theirs.as_slice() {
        [] => Ok(None),
        [path] => Ok(Some(path.clone())),
        _ => Err(StatisticsError::SeveralStatistics { folder: folder.to_owned(), module }.into()),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(|error| FileError::Read { path: folder.to_owned(), error })?;
    Ok(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
