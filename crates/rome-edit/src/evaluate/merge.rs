//! Folders of results joined.

use std::path::PathBuf;

use rome_eval::Results;

use super::outcome::EvaluationOutcome;
use super::pages;
use crate::error::Error;

/// The folders of a run's shards, to be joined in one.
#[derive(Debug, Clone)]
pub struct MergeResults {
    /// The folders.
    pub folders: Vec<PathBuf>,
    /// The folder for all of their cases.
    pub output: PathBuf,
}

impl MergeResults {
    /// Joins the folders, and sums up.
    ///
    /// # Errors
    /// When a folder holds no results, or those of another run; nothing is written then.
    pub fn run(&self) -> Result<EvaluationOutcome, Error> {
        let parts = self.folders.iter().map(|folder| Results::open(folder)).collect::<Result<Vec<_>, _>>()?;
        let mut merged = Results::merge(&self.output, &parts)?;
        let _summing = merged.gather()?;
        merged.finish()?;
        pages::write_run(&merged)?;
        Ok(EvaluationOutcome {
            runs: vec![merged],
            seconds: None,
            left_out: Vec::new(),
            comparison: None,
            advice: Vec::new(),
        })
    }
}
