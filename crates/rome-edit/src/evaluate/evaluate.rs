//! Candidates, evaluated on the same records.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rome_core::Observer;
use rome_eval::{Comparison, Dataset, Results, SUMMARY_LOCK};
use rome_files::{Claim, FileError};

use super::candidate::Candidate;
use super::error::EvaluateError;
use super::fluency::FluencyInputs;
use super::outcome::EvaluationOutcome;
use super::pages;
use super::plan::Plan;
use super::records::{RecordSelection, Records};
use super::runner::{Place, Runner};
use super::sweep::Sweep;
use super::sweep_advice::SweepAdvice;
use super::sweep_results::SweepResults;
use crate::error::Error;
use crate::session::Session;

/// Methods and settings to be evaluated, each on the same records: the model is asked, edited by one record,
/// asked again and put back.
///
/// ```no_run
/// use rome_edit::{Evaluate, MethodName, RecordSelection, Session};
///
/// let mut session = Session::open("facts-gpt2")?;
/// let config = &session.settings().config;
/// let candidates = [MethodName::Rome, MethodName::FineTuning].map(|method| method.candidate(config));
/// let evaluate = Evaluate {
///     candidates: candidates.into(),
///     records: RecordSelection { limit: Some(50), ..RecordSelection::default() },
///     ..Evaluate::new("results")
/// };
/// for run in evaluate.run(&mut session, &mut ())?.runs {
///     println!("{}: {:?}", run.run().name, run.summary().post("S"));
/// }
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug)]
pub struct Evaluate {
    /// The records.
    pub records: RecordSelection,
    /// The methods; ROME with the session's settings if there are none and nothing is varied.
    pub candidates: Vec<Candidate>,
    /// The settings of ROME to vary, one at a time.
    pub sweeps: Vec<Sweep>,
    /// Text to generate before and after each edit; none by default.
    pub fluency: Option<FluencyInputs>,
    /// Results to compare with at the end.
    pub compare_with: Option<Results>,
    /// The folder for results, and for a folder for each of several candidates. An interrupted run continues
    /// from the cases that are there.
    pub output: PathBuf,
    /// When the run began, loading included.
    pub started: Instant,
}

impl Evaluate {
    /// Evaluates ROME on all records of CounterFact, with the session's settings.
    pub fn new(output: impl Into<PathBuf>) -> Self {
        Self {
            records: RecordSelection::default(),
            candidates: Vec::new(),
            sweeps: Vec::new(),
            fluency: None,
            compare_with: None,
            output: output.into(),
            started: Instant::now(),
        }
    }

    /// Evaluates the candidates one after another. However it ends, the cases that are finished stay in their
    /// folders.
    ///
    /// # Errors
    /// When edits are on the model, there are no records, a candidate does not fit the model or lacks
    /// statistics, a folder is of another run or another process is using it, a record cannot be
    /// evaluated, unless it is kept going, or `observer` stops it.
    pub fn run(self, session: &mut Session, observer: &mut dyn Observer) -> Result<EvaluationOutcome, Error> {
        let Self { records: selection, candidates, sweeps, fluency, compare_with, output, started } = self;
        if session.is_edited() {
            return Err(EvaluateError::Edited.into());
        }
        if fluency.is_some() && selection.dataset == Dataset::ZsRe {
            return Err(EvaluateError::NothingToContinue.into());
        }
        let judge = fluency.map(|inputs| inputs.read(session.model())).transpose()?;
        let records = selection.read(session.model())?;
        let plan = Plan::new(candidates, &sweeps, session)?;
        if output.exists() && !output.is_dir() {
            return Err(FileError::NotAFolder(output).into());
        }
        if let Some(theirs) = &compare_with {
            check_comparable(theirs, &records, &plan)?;
        }

        let tokenizer = session.model().tokenizer().clone();
        let mut runner = Runner::new(session, &tokenizer, &records, judge.as_ref());
        let load = started.elapsed();
        let is_single = plan.is_single();
        // Of a single candidate, the runner claims the folder.
        let _claim = if is_single { None } else { Some(records.claim(&output)?) };
        let n = plan.candidates.len();
        let mut runs = Vec::with_capacity(n);
        for (index, candidate) in plan.candidates.into_iter().enumerate() {
            let place = if is_single {
                Place { folder: output.clone(), label: String::new() }
            } else {
                let label = format!("{} ({} of {n})", candidate.name, index + 1);
                Place { folder: output.join(&candidate.name), label }
            };
            runs.push(runner.run(candidate, &place, observer)?);
        }

        let _summing = if is_single { None } else { gather(&output, &mut runs)? };
        let sweeps = SweepResults::of(plan.sweeps, &runs);
        if !is_single {
            pages::write_comparison(&output, &runs, &sweeps)?;
        }
        Ok(EvaluationOutcome {
            seconds: Some(runner.seconds(load)),
            left_out: runner.into_faults(),
            comparison: compare_with.map(|theirs| Comparison::new(&runs[0], &theirs)),
            advice: sweeps.iter().filter_map(SweepAdvice::of).collect(),
            runs,
        })
    }
}

/// Checks, before hours are spent, that there is one run to compare, and something to compare it by.
fn check_comparable(theirs: &Results, records: &Records, plan: &Plan) -> Result<(), EvaluateError> {
    if !plan.is_single() {
        return Err(EvaluateError::SeveralCandidates);
    }
    if !records.list.iter().any(|record| theirs.cases().contains_key(&record.case_id())) {
        return Err(EvaluateError::OtherRecords { folder: theirs.folder().to_owned() });
    }
    Ok(())
}

/// Reads the cases that other shards have added to each run since, and keeps them from summing up while the
/// claim lives.
fn gather(folder: &Path, runs: &mut [Results]) -> Result<Option<Claim>, Error> {
    let claim = Claim::wait_if_it_can_be(&folder.join(SUMMARY_LOCK))?;
    for run in runs {
        drop(run.gather()?);
    }
    Ok(claim)
}
