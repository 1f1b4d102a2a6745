//! One way of editing after the other, on the same records, each with a folder of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rome_core::{Context, EditConfig, Environment};
use rome_eval::{Dataset, EvalError, Evaluation, FineTuning, Fluency, Method, Results, Run, Unedited};
use rome_models::Tokenizer;
use rome_session::Session;
use serde_json::{Value, json};

use super::run::claim;
use super::setups::{Setup, Way};
use super::{Records, report};
use crate::error::CliError;
use crate::output::{Progress, note};

/// Scores are looked at so often at most, and may take this share of the time.
const PACE: Duration = Duration::from_millis(200);
const SHARE: u32 = 20;

/// How generated text is judged, and what that is made of.
pub(crate) struct Judged {
    pub(crate) fluency: Fluency,
    pub(crate) made_of: Value,
}

/// Evaluates ways of editing, one after the other, on the same records.
pub(crate) struct Runner<'a> {
    session: Session,
    tokens: &'a Tokenizer,
    records: &'a Records,
    dataset: Dataset,
    keep_going: bool,
    judged: Option<&'a Judged>,
    evaluation: Evaluation<'a>,
    editing: Duration,
    /// What is wrong with records that were left out.
    pub(crate) faults: Vec<String>,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(
        session: Session,
        tokens: &'a Tokenizer,
        records: &'a Records,
        dataset: Dataset,
        keep_going: bool,
        judged: Option<&'a Judged>,
    ) -> Self {
        let evaluation = Evaluation::new(tokens, judged.map(|judged| &judged.fluency));
        let (editing, faults) = (Duration::ZERO, records.faults.clone());
        Self { session, tokens, records, dataset, keep_going, judged, evaluation, editing, faults }
    }

    /// The session whose settings were varied.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Evaluates one way of editing, and keeps what comes of it in a folder.
    pub(crate) fn run(&mut self, setup: &Setup, folder: &Path, place: &str) -> Result<Results> {
        // Before the folder is made: there may be no statistics, or fewer contexts.
        let contexts = self.contexts(setup)?;
        if let Way::Rome(config, _) = &setup.way {
            self.session.editor_with(config.clone())?;
        }
        let _claim = claim(folder, self.records.shard)?;
        let run = self.describe(setup, &contexts);
        let here = run.environment.clone();
        let mut results = Results::resume(folder, run)?;
        let done = results.cases().len();
        if done > 0 {
            note(format!("{} holds {} already", folder.display(), report::count(done, "case")));
            let differences = results.run().environment.as_ref().zip(here.as_ref());
            for difference in differences.into_iter().flat_map(|(there, here)| there.differences(here)) {
                note(format!("they were computed otherwise: {difference}"));
            }
        }
        results.cases().values().for_each(|case| self.evaluation.know(case));

        let mut method: Box<dyn Method> = match &setup.way {
            Way::Unedited => Box::new(Unedited(self.session.model().causal_lm())),
            Way::FineTuning(config) => {
                let model = self.session.model_mut().pretrained.model.as_mut();
                Box::new(FineTuning::new(model, self.tokens, *config))
            }
            Way::Rome(config, _) => Box::new(self.session.editor_with(config.clone())?.contexts(contexts)),
        };
        let n = self.records.list.len() as u64;
        let mut progress = Progress::new(n, "{bar:30} {pos} of {len} · {msg} · {eta} left");
        let (mut last, mut pace) = (Instant::now(), PACE);
        for (index, record) in (1..).zip(&self.records.list) {
            if results.cases().contains_key(&record.case_id()) {
                progress.start_at(index);
                continue;
            }
            match self.evaluation.run(method.as_mut(), record.as_ref()) {
                Ok(case) => {
                    self.editing += Duration::from_secs_f64(case.time);
                    results.add(case)?;
                }
                Err(error) if self.keep_going => self.faults.push(format!("{}: {error}", setup.name)),
                Err(error) => {
                    drop(progress);
                    return Err(stopped(&error, &results));
                }
            }
            if last.elapsed() > pace {
                let start = Instant::now();
                progress.set_with(index, || format!("{place}{}", report::scores(&results.summary())));
                last = Instant::now();
                pace = PACE.max(SHARE * start.elapsed());
            }
        }
        drop(progress);
        let _summing = results.gather()?;
        results.finish()?;
        report::write(&results)?;
        Ok(results)
    }

    /// The contexts of a way of editing.
    fn contexts(&self, setup: &Setup) -> Result<Vec<Context>> {
        let contexts = &self.session.made().record.contexts;
        match setup.way {
            Way::Rome(_, Some(n)) if n > contexts.len() => Err(CliError::with_hint(
                format!("{} asks for {n} contexts, and there are {}", setup.name, contexts.len()),
                "give more with --contexts, or fewer with --vary",
            )),
            Way::Rome(_, Some(n)) => Ok(contexts[..n].to_vec()),
            _ => Ok(contexts.clone()),
        }
    }

    fn describe(&self, setup: &Setup, contexts: &[Context]) -> Run {
        let record = &self.session.made().record;
        let hash = |value: &Value| blake3::hash(value.to_string().as_bytes()).to_hex().to_string();
        let inputs = match &setup.way {
            Way::Rome(EditConfig { layers, .. }, _) => {
                let statistics = layers.iter().map(|layer| {
                    // What C is over; where it was found does not matter.
                    record.statistics.get(layer).map(|found| json!([found.source, found.ridge]))
                });
                json!({
                    "contexts": hash(&json!(contexts)),
                    "preservations": hash(&json!(record.preservations)),
                    "statistics": statistics.collect::<Vec<_>>(),
                })
            }
            _ => Value::Null,
        };
        Run {
            name: setup.name.clone(),
            made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
            model_hash: record.model_hash.clone(),
            precision: json!(record.precision).as_str().unwrap_or_default().to_owned(),
            dataset: self.dataset.name().to_owned(),
            data_hash: self.records.hash.clone(),
            method: setup.describe(),
            inputs,
            fluency: self.judged.map_or(Value::Null, |judged| judged.made_of.clone()),
            environment: Some(Environment::of(&self.session.model().causal_lm().device())),
        }
    }

    /// How long the parts took.
    pub(crate) fn seconds(&self, load: Duration) -> Value {
        json!({
            "load": load.as_secs_f64(),
            "edit": self.editing.as_secs_f64(),
            "ask": self.evaluation.asking.as_secs_f64(),
        })
    }
}

fn stopped(error: &EvalError, results: &Results) -> anyhow::Error {
    let n = report::count(results.cases().len(), "case");
    let message = format!("{error}; {n} before it are in {}", results.folder().display());
    CliError::with_hint(message, format!("{}, or go on without it with --keep-going", error.hint()))
}
