//! Statistics as files of another kind.

use std::path::PathBuf;

use rome_stats::{SumFormat, npz};

use super::error::StatisticsError;
use super::file::{self, StatisticsFile};
use crate::error::Error;

/// A file of statistics to be written as another kind.
#[derive(Debug, Clone)]
pub struct ConvertStatistics {
    /// The file, safetensors or the reference's npz.
    pub input: PathBuf,
    /// The file to write, by its name `.safetensors` or `.npz`.
    pub output: PathBuf,
    /// The format of the sum in safetensors.
    pub format: SumFormat,
}

impl ConvertStatistics {
    /// Reads the one and writes the other.
    ///
    /// # Errors
    /// When the input holds no statistics, or the output cannot be written or is of no such kind.
    pub fn run(&self) -> Result<StatisticsFile, Error> {
        let Self { input, output, format } = self;
        rome_files::check_writable(output)?;
        let extension = output.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("safetensors") => file::write(output, &file::read(input)?, *format),
            Some("npz") => {
                rome_files::write(output, &npz::write(&file::read(input)?)?)?;
                StatisticsFile::at(output.clone())
            }
            _ => Err(StatisticsError::FileKind { path: output.clone() }.into()),
        }
    }
}
