//! Two folders of results compared.

use std::path::PathBuf;

use rome_eval::{Comparison, Results};

use super::error::EvaluateError;
use crate::error::Error;

/// The folders of two runs over the same records.
#[derive(Debug, Clone)]
pub struct CompareResults {
    /// The folder of a run.
    pub ours: PathBuf,
    /// The folder of the one to compare it with.
    pub theirs: PathBuf,
}

impl CompareResults {
    /// Compares the runs after their edits, record by record.
    ///
    /// # Errors
    /// When a folder holds no results, or they have no case in common.
    pub fn run(&self) -> Result<Comparison, Error> {
        let comparison = Comparison::new(&Results::open(&self.ours)?, &Results::open(&self.theirs)?);
        if comparison.n == 0 {
            return Err(EvaluateError::NoCommonCase.into());
        }
        Ok(comparison)
    }
}
