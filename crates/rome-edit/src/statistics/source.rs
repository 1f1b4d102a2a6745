//! Statistics found for a model: in a file, a folder, the bundle or the cache.

use std::path::{Path, PathBuf};

use rome_core::edit::StatisticsRecord;
use rome_core::{CholeskyFactor, SecondMoment};
use rome_stats::{Statistics, read_factor, write_factor};

use super::error::StatisticsError;
use super::file::read;
use super::place::{cache_folder, check_file_name, file_in, file_name, module_prefix};
use crate::error::Error;
use crate::model::Model;

/// Below this, C is factored more quickly than its factor is read.
const MIN_KEPT: usize = 2048;

/// Statistics, with their file if they have one.
type StatisticsFile = (Statistics, Option<PathBuf>);

/// The source of C.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StatisticsSource {
    /// From the cache, or from the bundle of a bundled model.
    #[default]
    Auto,
    /// From a file, or from a folder with a file for each layer.
    Path(PathBuf),
    /// C is the identity.
    Identity,
}

/// The second moment that an edit uses at a layer.
pub struct LayerStatistics {
    /// Its factor.
    pub factor: CholeskyFactor,
    /// Its description, for the record.
    pub record: StatisticsRecord,
}

/// Finds the statistics of a layer and factors them.
///
/// # Errors
/// When there are none, or they are not of this model and layer.
pub fn find(given: &StatisticsSource, model: &Model, layer: usize) -> Result<LayerStatistics, Error> {
    let shape = model.lm().shape();
    if *given == StatisticsSource::Identity {
        tracing::warn!(
            "C is the identity: the edit will disturb more of what the model knows than with statistics"
        );
        return Ok(LayerStatistics::new(CholeskyFactor::identity(shape.d_ff), "identity".to_owned()));
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
        tracing::warn!("{place} is over {n_shards} of {of} shards only: merge them with the others");
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
    Ok(LayerStatistics::new(factor, source))
}

/// The second moment of a layer's keys.
///
/// # Errors
/// When there is none, or it is not of this model and layer.
pub fn second_moment(given: &StatisticsSource, model: &Model, layer: usize) -> Result<SecondMoment, Error> {
    Ok(locate(given, model, layer)?.0.moment)
}

/// Finds the statistics of a layer and checks that they are of this model.
fn locate(given: &StatisticsSource, model: &Model, layer: usize) -> Result<StatisticsFile, Error> {
    let (statistics, path) = match given {
        StatisticsSource::Path(folder) if folder.is_dir() => {
            let path = file_in(folder, model, layer)?.ok_or_else(|| StatisticsError::NoStatisticsIn {
                folder: folder.clone(),
                ours: file_name(layer),
                module: module_prefix(model, layer),
            })?;
            (read(&path)?, Some(path))
        }
        StatisticsSource::Path(path) => {
            check_file_name(path, model, layer)?;
            (read(path)?, Some(path.clone()))
        }
        StatisticsSource::Identity => {
            return Err(StatisticsError::Identity.into());
        }
        StatisticsSource::Auto => match (cached(model, layer)?, bundled(model, layer)?) {
            (Some(found), _) => found,
            (None, Some(statistics)) => (statistics, None),
            (None, None) => {
                return Err(StatisticsError::NoStatistics { layer, model: model.name.clone() }.into());
            }
        },
    };
    let checked = statistics.check(model.lm().shape(), model.hash(), layer);
    checked.map_err(|error| Error::from(error).at(place_of(path.as_deref(), model)))?;
    Ok((statistics, path))
}

fn place_of(path: Option<&Path>, model: &Model) -> String {
    path.map_or(format!("bundled with {}", model.name), |path| path.display().to_string())
}

/// Factors C, or takes the factor that was kept beside the file of its statistics.
fn factor(statistics: &Statistics, sums_hash: &str, path: Option<&Path>) -> Result<CholeskyFactor, Error> {
    let d_ff = statistics.moment.d_ff();
    let Some(path) = path.filter(|_| d_ff >= MIN_KEPT).map(|path| path.with_extension("factor.safetensors"))
    else {
        return Ok(CholeskyFactor::new(&statistics.moment)?);
    };
    // One that is torn, or of statistics that have changed since, is as good as none.
    if let Ok(Some(factor)) = read_factor(&path, sums_hash)
        && factor.d_ff() == d_ff
    {
        return Ok(factor);
    }
    let factor = CholeskyFactor::new(&statistics.moment)?;
    let kept = rome_files::write_with(&path, |temporary| -> Result<(), Error> {
        Ok(write_factor(temporary, &factor, sums_hash)?)
    });
    if let Err(error) = kept {
        tracing::info!("the factor of C is not kept for later edits: {error}");
    }
    Ok(factor)
}

impl LayerStatistics {
    fn new(factor: CholeskyFactor, source: String) -> Self {
        let record = StatisticsRecord { source, condition: factor.condition(), ridge: factor.ridge() };
        Self { factor, record }
    }
}

fn bundled(model: &Model, layer: usize) -> Result<Option<Statistics>, Error> {
    let bytes = model.bundled.and_then(|bundled| bundled.statistics.get(layer));
    Ok(bytes.map(|bytes| Statistics::from_bytes(bytes)).transpose()?)
}

fn cached(model: &Model, layer: usize) -> Result<Option<StatisticsFile>, Error> {
    let folder = cache_folder(model.hash())?;
    let Some(path) = file_in(&folder, model, layer)? else { return Ok(None) };
    tracing::info!("using the statistics in {}", path.display());
    Ok(Some((read(&path)?, Some(path))))
}
