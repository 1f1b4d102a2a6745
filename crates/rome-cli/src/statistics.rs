//! Statistics as arguments name them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rome_session::StatisticsSource;
use rome_session::statistics::cache_folder;

use crate::output;

/// What `--stats` means.
pub(crate) fn given(stats: Option<&Path>) -> StatisticsSource {
    match stats {
        None => StatisticsSource::Found,
        Some(path) if path == Path::new("identity") => StatisticsSource::Identity,
        Some(path) => StatisticsSource::Path(path.to_owned()),
    }
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
