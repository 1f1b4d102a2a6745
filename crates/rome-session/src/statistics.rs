//! Statistics found for a model: in a file, a folder, the bundle or the cache.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use rome_core::edit_record::StatisticsRecord;
use rome_core::{Factor, SecondMoment};
use rome_files::{FileError, read_bounded};
use rome_stats::{Shard, Statistics, npz, read_factor, write_factor};

use crate::{Model, SessionError};

/// A sum over keys of 131,072 values would be larger.
const MAX_STATISTICS: u64 = 1 << 37;

/// Below this, C is factored more quickly than its factor is read.
const MIN_KEPT: usize = 2048;

/// Statistics, with their file if they have one.
type Located = (Statistics, Option<PathBuf>);

/// Where C is taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StatisticsSource {
    /// From the cache, or from the bundle of a bundled model.
    #[default]
    Found,
    /// From a file, or from a folder with a file for each layer.
    Path(PathBuf),
    /// C is the identity.
    Identity,
}

/// The second moment that an edit uses at a layer.
pub struct Found {
    /// Its factor.
    pub factor: Factor,
    /// What it is, for the record.
    pub record: StatisticsRecord,
}

/// Finds the statistics of a layer and factors them.
///
/// # Errors
/// When there are none, or they are not of this model and layer.
pub fn find(given: &StatisticsSource, model: &Model, layer: usize) -> Result<Found, SessionError> {
    let shape = model.causal_lm().shape();
    if *given == StatisticsSource::Identity {
        tracing::warn!(
            "C is the identity: the edit will disturb more of what the model knows than with statistics"
        );
        return Ok(Found::new(Factor::identity(shape.d_ff), "identity".to_owned()));
    }
    let (statistics, path) = locate(given, model, layer)?;
    let place = place_of(path.as_deref(), model);
    if !statistics.is_verifiable() {
        tracing::warn!(
            "{place} does not say which model and layer it belongs to: only its size was checked, and the rest cannot be"
        );
    }
    if let Some(shards) = &statistics.provenance.shards {
        let (n_shards, of) = (shards.indices.len(), shards.of);
        tracing::warn!(
            "{place} is over {n_shards} of {of} shards only: add the others with rome stats merge"
        );
    }
    let sums_hash = statistics.sums_hash();
    let factor = factor(&statistics, &sums_hash, path.as_deref()).map_err(|error| error.at(&place))?;
    if let Some(ridge) = factor.ridge() {
        tracing::warn!(
            "the second moment over {} tokens is nearly singular in {} dimensions: added {ridge:.1e} to its diagonal",
            statistics.moment.count(),
            shape.d_ff
        );
    }
    tracing::debug!("statistics of layer {layer}: {place}, sums {sums_hash}");
    let corpus = statistics.provenance.corpus_hash.as_deref().unwrap_or("not named");
    let source = format!("{} tokens, corpus {corpus}, sums {sums_hash}", statistics.moment.count());
    Ok(Found::new(factor, source))
}

/// The second moment of a layer's keys.
///
/// # Errors
/// When there is none, or it is not of this model and layer.
pub fn second_moment(
    given: &StatisticsSource,
    model: &Model,
    layer: usize,
) -> Result<SecondMoment, SessionError> {
    Ok(locate(given, model, layer)?.0.moment)
}

/// Finds the statistics of a layer and checks that they are of this model.
fn locate(given: &StatisticsSource, model: &Model, layer: usize) -> Result<Located, SessionError> {
    let (statistics, path) = match given {
        StatisticsSource::Path(folder) if folder.is_dir() => {
            let path = file_in(folder, model, layer)?.ok_or_else(|| {
                let module = module_prefix(model, layer);
                SessionError::new(
                    format!("{} has neither {} nor {module}*.npz", folder.display(), file_name(layer)),
                    "give the folder that rome stats collect wrote, or one of the reference's caches",
                )
            })?;
            (read(&path)?, Some(path))
        }
        StatisticsSource::Path(path) => {
            check_file_name(path, model, layer)?;
            (read(path)?, Some(path.clone()))
        }
        StatisticsSource::Identity => {
            return Err(SessionError::new("the identity has no statistics", "give a file, or none"));
        }
        StatisticsSource::Found => match (cached(model, layer)?, bundled(model, layer)?) {
            (Some(found), _) => found,
            (None, Some(statistics)) => (statistics, None),
            (None, None) => {
                return Err(SessionError::new(
                    format!("there are no statistics for layer {layer} of {}", model.name),
                    format!("rome stats collect -m {} --layers {layer} --text FILE…", model.name),
                ));
            }
        },
    };
    let checked = statistics.check(model.causal_lm().shape(), &model.pretrained.hash, layer);
    checked.map_err(|error| SessionError::from(error).at(place_of(path.as_deref(), model)))?;
    Ok((statistics, path))
}

fn place_of(path: Option<&Path>, model: &Model) -> String {
    path.map_or(format!("bundled with {}", model.name), |path| path.display().to_string())
}

/// Factors C, or takes the factor that was kept beside the file of its statistics.
fn factor(statistics: &Statistics, sums_hash: &str, path: Option<&Path>) -> Result<Factor, SessionError> {
    let d_ff = statistics.moment.d_ff();
    let Some(path) = path.filter(|_| d_ff >= MIN_KEPT).map(|path| path.with_extension("factor.safetensors"))
    else {
        return Ok(Factor::new(&statistics.moment)?);
    };
    // One that is torn, or of statistics that have changed since, is as good as none.
    if let Ok(Some(factor)) = read_factor(&path, sums_hash)
        && factor.d_ff() == d_ff
    {
        return Ok(factor);
    }
    let factor = Factor::new(&statistics.moment)?;
    let kept = rome_files::write_with(&path, |temporary| -> Result<(), SessionError> {
        Ok(write_factor(temporary, &factor, sums_hash)?)
    });
    if let Err(error) = kept {
        tracing::info!("the factor of C is not kept for later edits: {error}");
    }
    Ok(factor)
}

impl Found {
    fn new(factor: Factor, source: String) -> Self {
        let record = StatisticsRecord { source, condition: factor.condition(), ridge: factor.ridge() };
        Self { factor, record }
    }
}

/// Reads statistics by the kind of file that the name says.
///
/// # Errors
/// When the file cannot be read, or holds no statistics.
pub fn read(path: &Path) -> Result<Statistics, SessionError> {
    let bytes = read_bounded(path, MAX_STATISTICS)?;
    let is_npz = path.extension().is_some_and(|extension| extension == "npz");
    let statistics = if is_npz { npz::read(Cursor::new(bytes)) } else { Statistics::from_bytes(&bytes) };
    statistics.map_err(|error| SessionError::from(error).at(path.display()))
}

/// The folder that statistics of all models are kept in by default: `ROME_CACHE`, or the system's.
///
/// # Errors
/// When there is no such folder.
pub fn cache() -> Result<PathBuf, SessionError> {
    let cache = match std::env::var_os("ROME_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir()
            .map(|folder| folder.join("rome"))
            .ok_or_else(|| SessionError::new("there is no cache folder", "set ROME_CACHE to a folder"))?,
    };
    Ok(cache.join("statistics"))
}

/// The folder that statistics of a model are kept in by default.
///
/// # Errors
/// As [`cache`].
pub fn cache_folder(model_hash: &str) -> Result<PathBuf, SessionError> {
    Ok(cache()?.join(model_hash))
}

/// How the file of a layer's statistics is called.
pub fn file_name(layer: usize) -> String {
    format!("layer-{layer}{}", file_ending(None))
}

/// How the files of a collection end, by the shard that it is over.
pub fn file_ending(shard: Option<Shard>) -> String {
    match shard {
        None => ".safetensors".to_owned(),
        Some(Shard { index, of }) => format!(".shard-{index}-of-{of}.safetensors"),
    }
}

fn bundled(model: &Model, layer: usize) -> Result<Option<Statistics>, SessionError> {
    let bytes = model.bundled.and_then(|bundled| bundled.statistics.get(layer));
    Ok(bytes.map(|bytes| Statistics::from_bytes(bytes)).transpose()?)
}

fn cached(model: &Model, layer: usize) -> Result<Option<Located>, SessionError> {
    let folder = cache_folder(&model.pretrained.hash)?;
    let Some(path) = file_in(&folder, model, layer)? else { return Ok(None) };
    tracing::info!("using the statistics in {}", path.display());
    Ok(Some((read(&path)?, Some(path))))
}

/// A cache of the reference says which layer it is of by its name alone.
fn check_file_name(path: &Path, model: &Model, layer: usize) -> Result<(), SessionError> {
    let name = name_of(path);
    let module = module_prefix(model, layer);
    match name.starts_with("transformer.h.") && !name.starts_with(&module) {
        true => Err(SessionError::new(
            format!("{} is not of layer {layer}, by its name", path.display()),
            format!("give {module}*.npz, or the folder that has one for each layer"),
        )),
        false => Ok(()),
    }
}

/// How the reference's files for a layer begin.
pub fn module_prefix(model: &Model, layer: usize) -> String {
    model.causal_lm().weight_name(layer).trim_end_matches(".weight").to_owned() + "_"
}

/// A folder of ours has `layer-<l>.safetensors`; one of the reference has files named by module.
fn file_in(folder: &Path, model: &Model, layer: usize) -> Result<Option<PathBuf>, SessionError> {
    let ours = folder.join(file_name(layer));
    if ours.is_file() || !folder.is_dir() {
        return Ok(Some(ours).filter(|ours| ours.is_file()));
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
        [] => Ok(None),
        [path] => Ok(Some(path.clone())),
        _ => Err(SessionError::new(
            format!("{} has several files {module}*.npz", folder.display()),
            "give one of them with --stats",
        )),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let entries = fs::read_dir(folder).map_err(|error| FileError::Read { path: folder.to_owned(), error })?;
    Ok(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
