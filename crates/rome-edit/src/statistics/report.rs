//! The content of a file of statistics.

use std::path::PathBuf;

use rome_core::{CholeskyFactor, Convergence};
use rome_stats::{Provenance, Statistics};
use serde::Serialize;

use super::file::read;
use super::picture::convergence_picture;
use crate::error::Error;

/// Below this many tokens for each dimension, edits get measurably worse (arXiv 2506.04226).
const FEW_TOKENS: u64 = 2;

/// A file of statistics to be looked at.
#[derive(Debug, Clone)]
pub struct ShowStatistics {
    /// The file, safetensors or the reference's npz.
    pub file: PathBuf,
    /// Draws how much each doubling of the text has changed, as SVG.
    pub plot: Option<PathBuf>,
}

/// The content of a file of statistics.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct StatisticsReport {
    /// The length of a key.
    pub d_ff: usize,
    /// The number of keys summed, one for each token.
    pub count: u64,
    /// The number of tokens for each dimension of a key.
    pub tokens_per_dimension: f64,
    /// The trace of C.
    pub trace: f64,
    /// C's smallest and largest eigenvalue.
    pub eigenvalues: [f64; 2],
    /// The condition number of C, ridge included.
    pub condition: f64,
    /// The ridge that was added to the diagonal of C, if it needs one.
    pub ridge: Option<f64>,
    /// The change by each doubling of the number of tokens, as far as it was recorded.
    #[serde(rename = "changes")]
    pub convergence: Vec<Convergence>,
    /// The origin of the sums.
    pub provenance: Provenance,
}

impl ShowStatistics {
    /// Reads the file and factors C. Warns of statistics over few tokens.
    ///
    /// # Errors
    /// When it holds no statistics, C has no factor, or the picture cannot be written.
    pub fn run(&self) -> Result<StatisticsReport, Error> {
        let statistics = read(&self.file)?;
        let factor = CholeskyFactor::new(&statistics.moment);
        let factor = factor.map_err(|error| Error::from(error).at(self.file.display()))?;
        let report = StatisticsReport::new(statistics, &factor);
        if report.count < FEW_TOKENS * report.d_ff as u64 {
            tracing::warn!(
                "{:.1} tokens for each of {} dimensions are few; collect at least {FEW_TOKENS} for each",
                report.tokens_per_dimension,
                report.d_ff
            );
        }
        if let Some(path) = &self.plot {
            let layer = report.provenance.layer.unwrap_or_default();
            rome_files::write(path, convergence_picture(&[(layer, &report.convergence)])?.as_bytes())?;
        }
        Ok(report)
    }
}

impl StatisticsReport {
    fn new(statistics: Statistics, factor: &CholeskyFactor) -> Self {
        let Statistics { moment, provenance, convergence } = statistics;
        Self {
            d_ff: moment.d_ff(),
            count: moment.count(),
            tokens_per_dimension: moment.count() as f64 / moment.d_ff() as f64,
            trace: moment.trace(),
            eigenvalues: factor.eigenvalues(),
            condition: factor.condition(),
            ridge: factor.ridge(),
            convergence,
            provenance,
        }
    }
}
