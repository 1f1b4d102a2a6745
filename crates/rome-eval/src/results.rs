//! A folder of results: one file a case, what made them, and what they come to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rome_core::Environment;
use rome_files::{Claim, FileError, read_bounded, write, write_new};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::summary::contributions;
use crate::{Answers, Case, EvalError, RunSummary};

const RUN: &str = "run.json";
const SUMMARY: &str = "summary.json";
const TABLE: &str = "cases.csv";

/// Held by whoever sums up.
pub const SUMMARY_LOCK: &str = ".rome-lock-summary";

/// A case with its generated texts has some ten thousand bytes.
const MAX_FILE: u64 = 64 << 20;

/// What made the results of a folder. Runs that differ in it, but for the name, the program's version
/// and what computed them, do not belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// How the run is called in tables.
    pub name: String,
    /// The program and its version.
    pub made_by: String,
    /// The model's hash.
    pub model_hash: String,
    /// What is held in: f32, f16 or bf16.
    pub precision: String,
    /// The data set.
    pub dataset: String,
    /// The hash of the file of records.
    pub data_hash: String,
    /// The method and its settings.
    pub method: Value,
    /// The hashes of contexts and preservation prompts and what C is over, for methods that have such.
    pub inputs: Value,
    /// Whether text was generated, and what it was compared with.
    pub fluency: Value,
    /// What computed the first of the results, or all of several folders'; nothing of the reference's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

impl Run {
    /// The first thing that is different in another run.
    fn difference(&self, other: &Self) -> Option<String> {
        let [ours, theirs] = [self, other].map(|run| serde_json::to_value(run).unwrap_or_default());
        let fields = ours.as_object()?.iter();
        let differs = |(name, value): (&String, &Value)| {
            let other = theirs.get(name)?;
            (other != value).then(|| format!("its {name} is {other}, and this one's {value}"))
        };
        fields
            .filter(|(name, _)| !["name", "made_by", "environment"].contains(&name.as_str()))
            .find_map(differs)
    }
}

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Results {
    folder: PathBuf,
    run: Run,
    cases: BTreeMap<u64, Case>,
}

impl Results {
    /// Opens a folder for a run, and goes on from the cases that are there. The folder is made if it
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
                match write_new(&path, &as_json(&path, &run)?)? {
                    true => None,
                    false => Some(read_json(&path)?),
                }
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
            if part.run.model_hash.is_empty() {
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

    /// Where the results are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What made them.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Whether nothing was edited: then before and after are the same.
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

    /// What the cases come to.
    pub fn summary(&self) -> RunSummary {
        RunSummary::of(self.cases.values())
    }

    /// Takes in what other processes have added, and keeps them from summing up for as long as what is
    /// returned lives: whoever is last sums up all. Where files cannot be locked, nothing keeps them.
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
        write(&self.folder.join(TABLE), &table(self.cases.values()))?;
        Ok(summary)
    }
}

impl Run {
    fn unknown(folder: &Path) -> Self {
        Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            made_by: String::new(),
            model_hash: String::new(),
            precision: String::new(),
            dataset: String::new(),
            data_hash: String::new(),
            method: Value::Null,
            inputs: Value::Null,
            fluency: Value::Null,
            environment: None,
        }
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

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, EvalError> {
    let bytes = read_bounded(path, MAX_FILE)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| EvalError::Data { path: path.to_owned(), reason: error.to_string() })
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), EvalError> {
    Ok(write(path, &as_json(path, value)?)?)
}

/// A value as JSON with one space of indentation, as the reference has it, for the file at a path.
fn as_json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, EvalError> {
    let mut bytes = Vec::new();
    let indented = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, indented);
    value
        .serialize(&mut serializer)
        .map_err(|error| EvalError::Data { path: path.to_owned(), reason: error.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The measures of each case before and after, as CSV.
fn table<'a>(cases: impl Iterator<Item = &'a Case>) -> Vec<u8> {
    let cases: Vec<&Case> = cases.collect();
    let of = |answers: &Answers| contributions(answers);
    let mut measures: Vec<&str> = cases.iter().flat_map(|case| of(&case.post).into_keys()).collect();
    measures.sort_unstable();
    measures.dedup();
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["case_id", "prompt", "subject", "target_true", "target_new", "time"].map(str::to_owned);
    let named = measures.iter().flat_map(|name| [format!("{name} before"), format!("{name} after")]);
    // Writing into memory does not fail.
    let _ = table.write_record(header.into_iter().chain(named));
    for case in cases {
        let rewrite = &case.requested_rewrite;
        let start = [
            case.case_id.to_string(),
            rewrite.prompt.clone(),
            rewrite.subject.clone(),
            rewrite.target_true.str.clone(),
            rewrite.target_new.str.clone(),
            format!("{:.4}", case.time),
        ];
        let (pre, post) = (of(&case.pre), of(&case.post));
        let values = measures.iter().flat_map(|name| {
            [&pre, &post].map(|values| values.get(name).map(|value| value.to_string()).unwrap_or_default())
        });
        let _ = table.write_record(start.into_iter().chain(values));
    }
    table.into_inner().unwrap_or_default()
}
