//! Statistics found for a model: in a file, a folder, the bundle or the cache.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rome_core::Factor;
use rome_core::edit_file::StatisticsRecord;
use rome_stats::{Shard, Statistics, npz};

use crate::error::CliError;
use crate::model::{Model, read_bounded};
use crate::output::{note, warning};

/// A sum over keys of 131,072 values would be larger.
const MAX_STATISTICS: u64 = 1 << 37;

/// The second moment that an edit uses at a layer.
pub(crate) struct Found {
    pub(crate) factor: Factor,
    /// What it is, for the record.
    pub(crate) record: StatisticsRecord,
}

/// Finds the statistics of a layer and factors them.
pub(crate) fn find(given: Option<&Path>, use_statistics: bool, model: &Model, layer: usize) -> Result<Found> {
    let shape = model.causal_lm().shape();
    let wants_identity = given.is_some_and(|given| given == Path::new("identity"));
    if wants_identity || (given.is_none() && !use_statistics) {
        warning("C is the identity: the edit will disturb more of what the model knows than with statistics");
        return Ok(Found::new(Factor::identity(shape.d_ff), "identity".to_owned()));
    }
    let (statistics, place) = match given {
        Some(path) if path.is_dir() => in_folder(path, model, layer)?,
        Some(path) => {
            check_file_name(path, model, layer)?;
            (read(path)?, path.display().to_string())
        }
        None => match (cached(model, layer)?, bundled(model, layer)?) {
            (Some(found), _) => found,
            (None, Some(statistics)) => (statistics, format!("bundled with {}", model.name)),
            (None, None) => {
                return Err(CliError::with_hint(
                    format!("there are no statistics for layer {layer} of {}", model.name),
                    format!("rome stats collect -m {} --layers {layer} --text FILE…", model.name),
                ));
            }
        },
    };
    statistics.check(shape, &model.pretrained.hash, layer).with_context(|| place.clone())?;
    if !statistics.is_verifiable() {
        warning(format!(
            "{place} does not say which model and layer it belongs to: only its size was checked, and the rest cannot be"
        ));
    }
    if let Some(shards) = &statistics.provenance.shards {
        let (n_shards, of) = (shards.indices.len(), shards.of);
        warning(format!(
            "{place} is over {n_shards} of {of} shards only: add the others with rome stats merge"
        ));
    }
    let factor = Factor::new(&statistics.moment).with_context(|| place.clone())?;
    if let Some(ridge) = factor.ridge() {
        warning(format!(
            "the second moment over {} tokens is nearly singular in {} dimensions: added {ridge:.1e} to its diagonal",
            statistics.moment.count(),
            shape.d_ff
        ));
    }
    Ok(Found::new(factor, source(&statistics)))
}

impl Found {
    fn new(factor: Factor, source: String) -> Self {
        let record = StatisticsRecord { source, condition: factor.condition(), ridge: factor.ridge() };
        Self { factor, record }
    }
}

/// Reads statistics by the kind of file that the name says.
pub(crate) fn read(path: &Path) -> Result<Statistics> {
    let bytes = read_bounded(path, MAX_STATISTICS)?;
    let is_npz = path.extension().is_some_and(|extension| extension == "npz");
    let statistics = if is_npz { npz::read(Cursor::new(bytes)) } else { Statistics::from_bytes(&bytes) };
    statistics.with_context(|| path.display().to_string())
}

/// The folder that statistics of a model are kept in by default.
pub(crate) fn cache_folder(model_hash: &str) -> Result<PathBuf> {
    let cache = match std::env::var_os("ROME_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir()
            .map(|folder| folder.join("rome"))
            .ok_or_else(|| CliError::with_hint("there is no cache folder", "set ROME_CACHE to a folder"))?,
    };
    Ok(cache.join("statistics").join(model_hash))
}

pub(crate) fn file_name(layer: usize) -> String {
    format!("layer-{layer}{}", file_ending(None))
}

/// How the files of a collection end, by the shard that it is over.
pub(crate) fn file_ending(shard: Option<Shard>) -> String {
    match shard {
        None => ".safetensors".to_owned(),
        Some(Shard { index, of }) => format!(".shard-{index}-of-{of}.safetensors"),
    }
}

fn bundled(model: &Model, layer: usize) -> Result<Option<Statistics>> {
    let bytes = model.bundled.and_then(|bundled| bundled.statistics.get(layer));
    Ok(bytes.map(|bytes| Statistics::from_bytes(bytes)).transpose()?)
}

fn cached(model: &Model, layer: usize) -> Result<Option<(Statistics, String)>> {
    let path = cache_folder(&model.pretrained.hash)?.join(file_name(layer));
    if !path.is_file() {
        return Ok(None);
    }
    note(format!("using the statistics in {}", path.display()));
    Ok(Some((read(&path)?, path.display().to_string())))
}

/// A cache of the reference says which layer it is of by its name alone.
fn check_file_name(path: &Path, model: &Model, layer: usize) -> Result<()> {
    let name = name_of(path);
    let module = module_prefix(model, layer);
    match name.starts_with("transformer.h.") && !name.starts_with(&module) {
        true => Err(CliError::with_hint(
            format!("{} is not of layer {layer}, by its name", path.display()),
            format!("give {module}*.npz, or the folder that has one for each layer"),
        )),
        false => Ok(()),
    }
}

/// How the reference's files for a layer begin.
fn module_prefix(model: &Model, layer: usize) -> String {
    model.causal_lm().weight_name(layer).trim_end_matches(".weight").to_owned() + "_"
}

/// A folder of ours has `layer-<l>.safetensors`; one of the reference has files named by module.
fn in_folder(folder: &Path, model: &Model, layer: usize) -> Result<(Statistics, String)> {
    let ours = folder.join(file_name(layer));
    if ours.is_file() {
        return Ok((read(&ours)?, ours.display().to_string()));
    }
    let module = module_prefix(model, layer);
    // The reference keeps them a folder deeper, by the name of the dataset.
    let mut theirs = Vec::new();
    for entry in entries(folder)? {
        let is_dataset = name_of(&entry).ends_with("_stats") && entry.is_dir();
        theirs.extend(if is_dataset { entries(&entry)? } else { vec![entry] });
    }
    theirs.retain(|path| name_of(path).starts_with(&module) && name_of(path).ends_with(".npz"));
    theirs.sort();
    match theirs.as_slice() {
        [path] => Ok((read(path)?, path.display().to_string())),
        [] => Err(CliError::with_hint(
            format!("{} has neither {} nor {module}*.npz", folder.display(), file_name(layer)),
            "give the folder that rome stats collect wrote, or one of the reference's caches",
        )),
        _ => Err(CliError::with_hint(
            format!("{} has several files {module}*.npz", folder.display()),
            "give one of them with --stats",
        )),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn source(statistics: &Statistics) -> String {
    let tokens = statistics.moment.count();
    let corpus = statistics.provenance.corpus_hash.as_deref().unwrap_or("not named");
    let mut sums = blake3::Hasher::new();
    for row in statistics.moment.sum().chunks(statistics.moment.d_ff()) {
        sums.update(&row.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<u8>>());
    }
    format!("{tokens} tokens, corpus {corpus}, sums {}", sums.finalize().to_hex())
}
