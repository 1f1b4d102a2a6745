//! Candidates, one after the other, on the same records.

use std::path::PathBuf;
use std::time::Duration;

use rome_core::{Context, EditMethod, Environment, Event, Observer, Progress, Unit};
use rome_eval::{EvalError, Evaluation, Results, Run};
use rome_models::PretrainedTokenizer;
use serde_json::{Value, json};

use super::candidate::Candidate;
use super::case_store::CaseStore;
use super::error::EvaluateError;
use super::fluency::FluencyJudge;
use super::outcome::EvaluationSeconds;
use super::pages;
use super::records::Records;
use super::score_line::ScoreLine;
use crate::error::Error;
use crate::session::{MADE_BY, Session};

/// Evaluates candidates, one after the other, on the same records.
pub(crate) struct Runner<'a> {
    session: &'a mut Session,
    records: &'a Records,
    judge: Option<&'a FluencyJudge>,
    evaluation: Evaluation<'a>,
    editing: Duration,
    faults: Vec<String>,
}

/// The place of a candidate among others.
pub(super) struct Place {
    /// The folder of its results.
    pub(super) folder: PathBuf,
    /// Its name and number, for whoever watches.
    pub(super) label: String,
}

impl<'a> Runner<'a> {
    /// Starts with nothing evaluated; text is generated if there is a judge of it.
    pub(crate) fn new(
        session: &'a mut Session,
        tokenizer: &'a PretrainedTokenizer,
        records: &'a Records,
        judge: Option<&'a FluencyJudge>,
    ) -> Self {
        let evaluation = Evaluation::new(tokenizer, judge.map(|judge| &judge.fluency));
        Self { session, records, judge, evaluation, editing: Duration::ZERO, faults: records.faults.clone() }
    }

    /// The faults of the records that were left out.
    pub(super) fn into_faults(self) -> Vec<String> {
        self.faults
    }

    /// The time that each part took so far, after this long for loading.
    pub(crate) fn seconds(&self, load: Duration) -> EvaluationSeconds {
        EvaluationSeconds {
            load: load.as_secs_f64(),
            edit: self.editing.as_secs_f64(),
            ask: self.evaluation.asking.as_secs_f64(),
        }
    }

    /// Evaluates a candidate, and keeps its cases and their summary in a folder.
    pub(super) fn run(
        &mut self,
        candidate: Candidate,
        place: &Place,
        observer: &mut dyn Observer,
    ) -> Result<Results, Error> {
        // Before the folder is made: there may be no statistics, or fewer contexts.
        let contexts = self.contexts(&candidate)?;
        self.session.prepare(candidate.method.as_ref())?;
        let folder = &place.folder;
        let _claim = self.records.claim(folder)?;
        let run = self.describe(&candidate, &contexts);
        let here = run.environment.clone();
        let mut results = Results::resume(folder, run)?;
        note_resumed(&results, here.as_ref());
        results.cases().values().for_each(|case| self.evaluation.know(case));
        match self.evaluate(candidate, &mut results, &place.label, observer) {
            Err(Error::Eval(error @ EvalError::Case { .. })) => {
                let (n_before, folder) = (results.cases().len(), folder.clone());
                return Err(EvaluateError::Case { error, n_before, folder }.into());
            }
            done => done?,
        }
        let _summing = results.gather()?;
        results.finish()?;
        pages::write_run(&results)?;
        Ok(results)
    }

    /// Evaluates a candidate on the records that have no case yet.
    ///
    /// # Errors
    /// When a record cannot be evaluated, unless it is kept going, or `observer` stops it; finished cases are
    /// kept.
    pub(crate) fn evaluate(
        &mut self,
        candidate: Candidate,
        store: &mut dyn CaseStore,
        label: &str,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let contexts = self.contexts(&candidate)?;
        let needs_contexts = candidate.method.needs_contexts();
        let editor = self.session.editor_by(candidate.method)?;
        let mut editor = if needs_contexts {
            editor.contexts(contexts)
        } else {
            editor.contexts(vec![Context::clean()]).kl_prompts(Vec::new())
        };
        let total = self.records.list.len() as u64;
        let mut line = ScoreLine::new(label);
        for (done, record) in (0..).zip(&self.records.list) {
            if store.cases().contains_key(&record.case_id()) {
                continue;
            }
            let detail = line.update(store.cases());
            observer.tell(Event::Progress(Progress { unit: Unit::Records, done, total, detail }))?;
            match self.evaluation.run(&mut editor, record.as_ref(), observer) {
                Ok(case) => {
                    self.editing += Duration::from_secs_f64(case.time);
                    store.add(case)?;
                }
                Err(error @ EvalError::Case { .. }) if self.records.selection.keep_going => {
                    self.faults.push(format!("{}: {error}", candidate.name));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The contexts that a candidate takes.
    fn contexts(&self, candidate: &Candidate) -> Result<Vec<Context>, EvaluateError> {
        let contexts = &self.session.edits().record.contexts;
        let n = candidate.n_contexts.unwrap_or(contexts.len());
        let taken = contexts.get(..n).ok_or_else(|| EvaluateError::TooFewContexts {
            candidate: candidate.name.clone(),
            n,
            n_there: contexts.len(),
        })?;
        Ok(taken.to_vec())
    }

    fn describe(&self, candidate: &Candidate, contexts: &[Context]) -> Run {
        let record = &self.session.edits().record;
        Run {
            name: candidate.name.clone(),
            made_by: MADE_BY.to_owned(),
            model_hash: record.model_hash.clone(),
            precision: record.precision.name().to_owned(),
            dataset: self.records.selection.dataset.name().to_owned(),
            data_hash: self.records.hash.clone(),
            method: candidate.describe(),
            inputs: self.describe_inputs(candidate.method.as_ref(), contexts),
            fluency: self.judge.map_or(Value::Null, |judge| judge.description.clone()),
            environment: Some(Environment::of(&self.session.model().lm().device())),
        }
    }

    /// The inputs of a method beside its settings, as far as it has some.
    fn describe_inputs(&self, method: &dyn EditMethod, contexts: &[Context]) -> Value {
        if !method.needs_contexts() && !method.needs_statistics() {
            return Value::Null;
        }
        let layers = if method.needs_statistics() { method.layers() } else { &[] };
        let statistics = layers.iter().map(|layer| {
            // What C is over; where it was found does not matter.
            self.session.statistics_of(*layer).map(|used| json!([used.source, used.ridge]))
        });
        json!({
            "contexts": hash(&json!(contexts)),
            "preservations": hash(&json!(self.session.edits().record.kl_prompts)),
            "statistics": statistics.collect::<Vec<_>>(),
        })
    }
}

/// Notes the results that exist, and the differences from the environment that computed them.
fn note_resumed(results: &Results, here: Option<&Environment>) {
    let n = results.cases().len();
    if n == 0 {
        return;
    }
    let plural = if n == 1 { "" } else { "s" };
    tracing::info!("{} holds {n} case{plural} already", results.folder().display());
    let environments = results.run().environment.as_ref().zip(here);
    for difference in environments.into_iter().flat_map(|(there, here)| there.differences(here)) {
        tracing::info!("they were computed otherwise: {difference}");
    }
}

fn hash(value: &Value) -> String {
    blake3::hash(value.to_string().as_bytes()).to_hex().to_string()
}
