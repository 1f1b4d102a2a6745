//! Statistics found for a model: in a file, a folder, the bundle or the cache.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rome_core::edit_record::StatisticsRecord;
use rome_core::{Factor, SecondMoment};
use rome_stats::{Shard, Statistics, npz, read_factor, write_factor};

use crate::error::CliError;
use crate::model::{Model, read_bounded};
use crate::output::{self, note, warning};

/// A sum over keys of 131,072 values would be larger.
const MAX_STATISTICS: u64 = 1 << 37;

/// Below this, C is factored more quickly than its factor is read.
const MIN_KEPT: usize = 2048;

/// Statistics, with their file if they have one.
type Located = (Statistics, Option<PathBuf>);

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
    let (statistics, path) = locate(given, model, layer)?;
    let place = match &path {
        Some(path) => path.display().to_string(),
        None => format!("bundled with {}", model.name),
    };
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
    let sums_hash = statistics.sums_hash();
    let factor = factor(&statistics, &sums_hash, path.as_deref()).with_context(|| place.clone())?;
    if let Some(ridge) = factor.ridge() {
        warning(format!(
            "the second moment over {} tokens is nearly singular in {} dimensions: added {ridge:.1e} to its diagonal",
            statistics.moment.count(),
            shape.d_ff
        ));
    }
    tracing::debug!("statistics of layer {layer}: {place}, sums {sums_hash}");
    let corpus = statistics.provenance.corpus_hash.as_deref().unwrap_or("not named");
    let source = format!("{} tokens, corpus {corpus}, sums {sums_hash}", statistics.moment.count());
    Ok(Found::new(factor, source))
}

/// The second moment of a layer's keys.
pub(crate) fn second_moment(given: Option<&Path>, model: &Model, layer: usize) -> Result<SecondMoment> {
    Ok(locate(given, model, layer)?.0.moment)
}

/// Finds the statistics of a layer and checks that they are of this model.
fn locate(given: Option<&Path>, model: &Model, layer: usize) -> Result<Located> {
    let (statistics, path) = match given {
        Some(folder) if folder.is_dir() => {
            let path = file_in(folder, model, layer)?.ok_or_else(|| {
                let module = module_prefix(model, layer);
                CliError::with_hint(
                    format!("{} has neither {} nor {module}*.npz", folder.display(), file_name(layer)),
                    "give the folder that rome stats collect wrote, or one of the reference's caches",
                )
            })?;
            (read(&path)?, Some(path))
        }
        Some(path) => {
            check_file_name(path, model, layer)?;
            (read(path)?, Some(path.to_owned()))
        }
        None => match (cached(model, layer)?, bundled(model, layer)?) {
            (Some(found), _) => found,
            (None, Some(statistics)) => (statistics, None),
            (None, None) => {
                return Err(CliError::with_hint(
                    format!("there are no statistics for layer {layer} of {}", model.name),
                    format!("rome stats collect -m {} --layers {layer} --text FILE…", model.name),
                ));
            }
        },
    };
    let place =
        path.as_ref().map_or(format!("bundled with {}", model.name), |path| path.display().to_string());
    statistics.check(model.causal_lm().shape(), &model.pretrained.hash, layer).context(place)?;
    Ok((statistics, path))
}

/// Factors C, or takes the factor that was kept beside the file of its statistics.
fn factor(statistics: &Statistics, sums_hash: &str, path: Option<&Path>) -> Result<Factor> {
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
    let kept = output::write_with(&path, |path| Ok(write_factor(path, &factor, sums_hash)?));
    if let Err(error) = kept {
        note(format!("the factor of C is not kept for later edits: {error:#}"));
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
pub(crate) fn read(path: &Path) -> Result<Statistics> {
    let bytes = read_bounded(path, MAX_STATISTICS)?;
    let is_npz = path.extension().is_some_and(|extension| extension == "npz");
    let statistics = if is_npz { npz::read(Cursor::new(bytes)) } else { Statistics::from_bytes(&bytes) };
    statistics.with_context(|| path.display().to_string())
}

/// The folder that statistics of all models are kept in by default.
pub(crate) fn cache() -> Result<PathBuf> {
    let cache = match std::env::var_os("ROME_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir()
            .map(|folder| folder.join("rome"))
            .ok_or_else(|| CliError::with_hint("there is no cache folder", "set ROME_CACHE to a folder"))?,
    };
    Ok(cache.join("statistics"))
}

/// The folder that statistics of a model are kept in by default.
pub(crate) fn cache_folder(model_hash: &str) -> Result<PathBuf> {
    Ok(cache()?.join(model_hash))
}

/// The folder that files of statistics go to, made if it is not there.
pub(crate) fn output_folder(given: Option<&Path>, model_hash: &str) -> Result<PathBuf> {
    let folder = match given {
        Some(folder) => folder.to_owned(),
        None => {
            let folder = cache_folder(model_hash)?;
            let parent = folder.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            folder
        }
    };
    output::make_folder(&folder)?;
    Ok(folder)
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

fn cached(model: &Model, layer: usize) -> Result<Option<Located>> {
    let folder = cache_folder(&model.pretrained.hash)?;
    let Some(path) = file_in(&folder, model, layer)? else { return Ok(None) };
    note(format!("using the statistics in {}", path.display()));
    Ok(Some((read(&path)?, Some(path))))
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
pub(crate) fn module_prefix(model: &Model, layer: usize) -> String {
    model.causal_lm().weight_name(layer).trim_end_matches(".weight").to_owned() + "_"
}

/// A folder of ours has `layer-<l>.safetensors`; one of the reference has files named by module.
fn file_in(folder: &Path, model: &Model, layer: usize) -> Result<Option<PathBuf>> {
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
