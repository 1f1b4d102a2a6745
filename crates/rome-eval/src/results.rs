//! A folder of results: one file for each case, the run that made them, and their summary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rome_core::{Environment, ModelHash};
use rome_files::{Claim, FileError, write, write_new};

use crate::case::Case;
use crate::case_table;
use crate::error::EvalError;
use crate::json_file::{as_json, read_json, write_json};
use crate::run::Run;
use crate::summary::RunSummary;

const RUN: &str = "run.json";
const SUMMARY: &str = "summary.json";
const TABLE: &str = "cases.csv";

/// Held by whoever sums up.
pub const SUMMARY_LOCK: &str = ".rome-lock-summary";

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Results {
    folder: PathBuf,
    run: Run,
    cases: BTreeMap<u64, Case>,
}

impl Results {
    /// Opens a folder for a run, and continues from the cases in it. The folder is made if it
    /// is not there.
    ///
    /// # Errors
    /// [`EvalError::OtherRun`] when they were made by other settings.
    pub fn resume(folder: &Path, run: Run) -> Result<Self, EvalError> {
        fs::create_dir_all(folder)
            .map_err(|error| FileError::WriteInto { folder: folder.to_owned(), error })?;
        let path = folder.join(RUN);
        let cases = read_cases(folder)?;
        let other = |difference| EvalError::OtherRun { folder: folder.to_owned(), difference };
        let there: Option<Run> = match read_json(&path) {
            Ok(there) => Some(there),
            Err(EvalError::File(error)) if error.is_not_found() && cases.is_empty() => {
                // Another process may begin at the same moment: the folder is of the first one.
                if write_new(&path, &as_json(&path, &run)?)? { None } else { Some(read_json(&path)?) }
            }
            Err(EvalError::File(error)) if error.is_not_found() => {
                return Err(other("it has cases, but no run.json that says what made them".to_owned()));
            }
            Err(error) => return Err(error),
        };
        if let Some(difference) = there.as_ref().and_then(|there| run.difference(there)) {
            return Err(other(difference));
        }
        let run = match there {
            Some(Run { environment, .. }) => Run { environment, ..run },
            None => run,
        };
        Ok(Self { folder: folder.to_owned(), run, cases })
    }

    /// Opens a folder that holds results.
    ///
    /// # Errors
    /// [`EvalError::NoResults`] when there are none.
    pub fn open(folder: &Path) -> Result<Self, EvalError> {
        let cases = read_cases(folder)?;
        if cases.is_empty() {
            return Err(EvalError::NoResults(folder.to_owned()));
        }
        let run = match read_json(&folder.join(RUN)) {
            Ok(run) => run,
            // The reference's own folders have none.
            Err(EvalError::File(error)) if error.is_not_found() => Run::unknown(folder),
            Err(error) => return Err(error),
        };
        Ok(Self { folder: folder.to_owned(), run, cases })
    }

    /// Joins the cases of several folders of one run, as shards leave them, in a new one.
    ///
    /// # Errors
    /// [`EvalError::OtherRun`] when one of them was made by other settings, or has a case that came
    /// out otherwise in another; nothing is written then.
    pub fn merge(folder: &Path, parts: &[Self]) -> Result<Self, EvalError> {
        let [first, ..] = parts else { return Err(EvalError::NoResults(folder.to_owned())) };
        let other = |part: &Self, difference| EvalError::OtherRun { folder: part.folder.clone(), difference };
        let there = read_cases(folder).unwrap_or_default();
        let mut cases: BTreeMap<u64, &Case> = there.iter().map(|(&id, case)| (id, case)).collect();
        for part in parts {
            if part.run.model_hash == ModelHash::default() {
                return Err(other(part, "it has no run.json that says what made it".to_owned()));
            }
            if let Some(difference) = first.run.difference(&part.run) {
                return Err(other(part, difference));
            }
            for (&id, case) in &part.cases {
                let known = cases.insert(id, case);
                if known.is_some_and(|known| (&known.pre, &known.post) != (&case.pre, &case.post)) {
                    return Err(other(part, format!("case {id} came out otherwise in another folder")));
                }
            }
        }
        let mut merged = Self::resume(folder, first.run.clone())?;
        let environments = parts.iter().map(|part| part.run.environment.as_ref());
        merged.run.environment = environments.fold(merged.run.environment, Environment::common);
        write_json(&folder.join(RUN), &merged.run)?;
        for part in parts {
            for case in part.cases.values() {
                merged.add(case.clone())?;
            }
        }
        Ok(merged)
    }

    /// The folder of the results.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The run that made them.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// True if nothing was edited: then before and after are the same.
    pub fn is_unedited(&self) -> bool {
        self.run.method["method"] == "unedited"
    }

    /// The cases so far, by number.
    pub fn cases(&self) -> &BTreeMap<u64, Case> {
        &self.cases
    }

    /// Adds a case, and writes it as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, case: Case) -> Result<(), EvalError> {
        write_json(&self.folder.join(format!("case_{}.json", case.case_id)), &case)?;
        self.cases.insert(case.case_id, case);
        Ok(())
    }

    /// Summarises the cases so far.
    pub fn summary(&self) -> RunSummary {
        RunSummary::of(self.cases.values())
    }

    /// Reads the cases that other processes have added, and keeps them from summing up while the claim
    /// lives: the last process sums up all cases. Where files cannot be locked, nothing keeps them.
    ///
    /// # Errors
    /// When a case cannot be read.
    pub fn gather(&mut self) -> Result<Option<Claim>, EvalError> {
        let claim = Claim::wait_if_it_can_be(&self.folder.join(SUMMARY_LOCK))?;
        self.cases.append(&mut read_cases(&self.folder)?);
        Ok(claim)
    }

    /// Writes the summary, and a table with a row for each case.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(&self) -> Result<RunSummary, EvalError> {
        let summary = self.summary();
        write_json(&self.folder.join(SUMMARY), &summary)?;
        write(&self.folder.join(TABLE), &case_table::csv(self.cases.values()))?;
        Ok(summary)
    }
}

fn read_cases(folder: &Path) -> Result<BTreeMap<u64, Case>, EvalError> {
    let failed = |error| FileError::Read { path: folder.to_owned(), error };
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("case_") && name.ends_with(".json") {
            let case: Case = read_json(&entry.path())?;
            cases.insert(case.case_id, case);
        }
    }
    Ok(cases)
}
