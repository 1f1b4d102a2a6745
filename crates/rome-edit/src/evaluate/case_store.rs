//! The place for the cases of a run.

use std::collections::BTreeMap;

use rome_eval::{Case, EvalError, Results};

/// A place for the cases of a run, by number: a folder of results, or memory.
pub(crate) trait CaseStore {
    /// The cases so far.
    fn cases(&self) -> &BTreeMap<u64, Case>;

    /// Adds a case.
    fn add(&mut self, case: Case) -> Result<(), EvalError>;
}

impl CaseStore for Results {
    fn cases(&self) -> &BTreeMap<u64, Case> {
        self.cases()
    }

    fn add(&mut self, case: Case) -> Result<(), EvalError> {
        self.add(case)
    }
}

impl CaseStore for BTreeMap<u64, Case> {
    fn cases(&self) -> &BTreeMap<u64, Case> {
        self
    }

    fn add(&mut self, case: Case) -> Result<(), EvalError> {
        self.insert(case.case_id, case);
        Ok(())
    }
}
