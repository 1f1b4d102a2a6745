//! Files of text as a user names them.

use std::fs;
use std::path::{Path, PathBuf};

use rome_stats::{Corpus, StatsError};

use super::error::StatisticsError;
use crate::error::Error;

/// Opens the corpus of files and of those that patterns match, and checks that they are there.
pub(super) fn corpus(text: &[PathBuf], field: &str) -> Result<Corpus, Error> {
    let files = expand(text)?;
    for path in files.iter().filter(|path| path.as_path() != Path::new("-")) {
        fs::metadata(path).map_err(|error| StatsError::Io { path: path.clone(), error })?;
    }
    Ok(Corpus::new(files, field)?)
}

/// Replaces patterns by the files that match them, in order of their names.
fn expand(text: &[PathBuf]) -> Result<Vec<PathBuf>, StatisticsError> {
    let mut files = Vec::new();
    for path in text {
        let is_pattern = |name: &&str| name.contains(['*', '?', '[']) && !path.exists();
        let Some(pattern) = path.to_str().filter(is_pattern) else {
            files.push(path.clone());
            continue;
        };
        let n_before = files.len();
        let matches = glob::glob(pattern)
            .map_err(|error| StatisticsError::Pattern { pattern: pattern.to_owned(), error })?;
        for found in matches {
            let failed = |error| StatisticsError::Search { pattern: pattern.to_owned(), error };
            files.push(found.map_err(failed)?);
        }
        if files.len() == n_before {
            return Err(StatisticsError::NoMatch { pattern: pattern.to_owned() });
        }
    }
    Ok(files)
}
