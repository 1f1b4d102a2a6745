//! Files of statistics, ours and the reference's.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rome_files::FileError;
use rome_stats::{Provenance, Statistics, StatsError, SumFormat, npz};
use serde::Serialize;

use crate::error::Error;

/// A file of statistics that was written. It is serialised as its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StatisticsFile {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    #[serde(skip)]
    pub n_bytes: u64,
}

impl StatisticsFile {
    /// Looks at a file that is there.
    pub(super) fn at(path: PathBuf) -> Result<Self, Error> {
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Self { path, n_bytes: metadata.len() }),
            Err(error) => Err(FileError::Read { path, error }.into()),
        }
    }
}

/// Reads statistics by the kind of file that the name says.
///
/// # Errors
/// When the file cannot be read, or holds no statistics.
pub fn read(path: &Path) -> Result<Statistics, Error> {
    let file = open(path)?;
    let statistics = if is_npz(path) { npz::read(file) } else { Statistics::read(file) };
    statistics.map_err(|error| Error::from(error).at(path.display()))
}

/// Reads the provenance of statistics and leaves the sum unread. The reference's files have none.
pub(super) fn read_provenance(path: &Path) -> Result<Provenance, Error> {
    let file = open(path)?;
    if is_npz(path) {
        return Ok(Provenance::default());
    }
    Provenance::read(file).map_err(|error| Error::from(error).at(path.display()))
}

/// Writes a file of ours as a whole or not at all.
pub(super) fn write(
    path: &Path,
    statistics: &Statistics,
    format: SumFormat,
) -> Result<StatisticsFile, Error> {
    write_with(path, |temporary| statistics.write(temporary, format))?;
    StatisticsFile::at(path.to_owned())
}

/// Writes a file as a whole or not at all, by a function that writes it at a temporary place.
pub(super) fn write_with(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), StatsError>,
) -> Result<(), Error> {
    rome_files::write_with(path, |temporary| {
        write(temporary).map_err(|error| match error {
            // The place that was meant is told, and not the temporary one.
            StatsError::Io { error, .. } => FileError::Write { path: path.to_owned(), error }.into(),
            error => Error::from(error),
        })
    })
}

fn open(path: &Path) -> Result<File, Error> {
    // A folder can be opened on some systems, and only then not read.
    let file = if path.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { File::open(path) };
    file.map_err(|error| FileError::Read { path: path.to_owned(), error }.into())
}

fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz")
}
