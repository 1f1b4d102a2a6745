//! Facts evaluated together: many records on one model that has all of them.

use std::path::PathBuf;
use std::time::Instant;

use rome_core::forward::transfer::download;
use rome_core::math::norm;
use rome_core::{CausalLm, Event, MassConfig, Observer, Progress, Request, Unit, widen};
use rome_eval::{Case, Estimate, Evaluation, Record, Results, Run, RunSummary};
use serde_json::json;

use super::error::EvaluateError;
use super::records::{RecordSelection, Records};
use super::scaling_picture;
use super::together_outcome::{TogetherEvaluation, TogetherPoint};
use crate::edit_many::EditMany;
use crate::edit_many::health::HealthCheck;
use crate::edit_together::{ContextGroups, EditTogether};
use crate::error::Error;
use crate::session::{MADE_BY, Session};

/// Methods evaluated with several records on the model at once.
///
/// Those of a set edit the first N records from the untouched model; ROME edits one after the other. All N are then
/// asked about on the one edited model.
#[derive(Debug, Clone)]
pub struct EvaluateTogether {
    /// The records.
    pub records: RecordSelection,
    /// The methods.
    pub methods: Vec<TogetherMethod>,
    /// The numbers of records to edit together, each from the untouched model.
    pub counts: Vec<usize>,
    /// The number of facts of a batch; all of them without it.
    pub batch: Option<usize>,
    /// The contexts of methods for many facts; sampled from the model if there are none.
    pub contexts: Option<ContextGroups>,
    /// The seed of sampled contexts.
    pub seed: u64,
    /// The folder for results, and for a folder for each of several methods and numbers.
    pub output: PathBuf,
    /// When the run began, loading included.
    pub started: Instant,
}

/// A method, to edit records together.
#[derive(Debug, Clone)]
pub enum TogetherMethod {
    /// ROME, one record after the other, with the session's settings.
    Rome,
    /// A method for many facts.
    Mass(Box<MassConfig>),
}

/// The records that all points of an evaluation are of.
struct Bench<'a> {
    together: &'a EvaluateTogether,
    records: &'a Records,
    requests: Vec<Request>,
}

impl TogetherMethod {
    /// The name of the method.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rome => "rome",
            Self::Mass(config) => config.method.name(),
        }
    }
}

impl EvaluateTogether {
    /// Evaluates the methods, each at each number.
    ///
    /// # Errors
    /// When there are fewer records, they contradict each other, a method does not fit the model or lacks statistics, or
    /// `observer` stops it.
    pub fn run(
        &self,
        session: &mut Session,
        observer: &mut dyn Observer,
    ) -> Result<TogetherEvaluation, Error> {
        if session.is_edited() {
            return Err(EvaluateError::Edited.into());
        }
        let most = self.counts.iter().copied().max().unwrap_or(0);
        let records = RecordSelection { limit: Some(most), ..self.records.clone() }.read(session.model())?;
        if records.list.len() < most {
            return Err(EvaluateError::TooFewRecords { n: most, n_there: records.list.len() }.into());
        }
        let requests = records.list.iter().map(|record| record.rewrite().request()).collect();
        let bench = Bench { together: self, records: &records, requests };
        let tokenizer = session.model().tokenizer().clone();
        let mut evaluation = Evaluation::new(&tokenizer, None);
        for (done, record) in (0..).zip(&records.list) {
            tell(observer, (done, most), "before")?;
            evaluation.ask_before(session.model().lm(), record.as_ref())?;
        }
        let mut points = Vec::new();
        for method in &self.methods {
            match method {
                TogetherMethod::Rome => points.extend(bench.in_turn(session, &mut evaluation, observer)?),
                TogetherMethod::Mass(config) => {
                    points.extend(bench.at_once(config, session, &mut evaluation, observer)?);
                }
            }
        }
        let outcome = TogetherEvaluation { points };
        if outcome.points.len() > 1 {
            let json = serde_json::to_vec_pretty(&outcome).expect("numbers and names are JSON");
            rome_files::write(&self.output.join("scaling.json"), &json)?;
            let svg = scaling_picture::draw(&outcome.points)?;
            rome_files::write(&self.output.join("scaling.svg"), svg.as_bytes())?;
        }
        Ok(outcome)
    }
}

impl Bench<'_> {
    /// Edits by ROME, one record after the other, and stops at each number.
    fn in_turn(
        &self,
        session: &mut Session,
        evaluation: &mut Evaluation<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TogetherPoint>, Error> {
        let layers = session.settings().config.layers.clone();
        let before = Weights::of(session.model().lm(), &layers);
        let mut health = HealthCheck::new(session.model().lm(), session.model().tokenizer(), &layers)?;
        let (mut done, mut seconds) = (0, 0.0);
        let mut counts = self.together.counts.clone();
        counts.sort_unstable();
        let mut points = Vec::with_capacity(counts.len());
        for n in counts {
            let time = Instant::now();
            let requests = self.requests[done..n].to_vec();
            if !requests.is_empty() {
                let many = EditMany { allow_collapse: true, ..EditMany::new(requests) };
                session.edit_many(&many, observer)?;
            }
            seconds += time.elapsed().as_secs_f64();
            done = n;
            // A collapse is what is to be seen.
            let _ = health.after(n, n, session.model().lm());
            let perplexity = health.history.last().map_or(f64::NAN, |health| health.perplexity);
            let norms = before.relative_changes(session.model().lm());
            let settings = json!(session.settings().config);
            let made = MadePoint { method: "rome", n, batch: None, perplexity, norms, seconds, settings };
            points.push(self.point(made, session, evaluation, observer)?);
        }
        session.undo();
        Ok(points)
    }

    /// Edits by a method for many facts, each number from the untouched model. Values are computed once, if they are
    /// of that.
    fn at_once(
        &self,
        config: &MassConfig,
        session: &mut Session,
        evaluation: &mut Evaluation<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TogetherPoint>, Error> {
        let EvaluateTogether { counts, batch, contexts, seed, .. } = self.together;
        let contexts = match contexts {
            Some(contexts) => contexts.clone(),
            None => ContextGroups::sample(session.model(), *seed)?,
        };
        let together = |n: usize| EditTogether {
            contexts: Some(contexts.clone()),
            batch: *batch,
            ..EditTogether::new(self.requests[..n].to_vec(), config.clone())
        };
        let time = Instant::now();
        let most = counts.iter().copied().max().unwrap_or(0);
        let known = match batch {
            None => Some(together(most).known_values(session, observer)?),
            Some(_) => None,
        };
        // Of so many; those of fewer take their share.
        let of_values = time.elapsed().as_secs_f64();
        let mut points = Vec::with_capacity(counts.len());
        for &n in counts {
            let before = Weights::of(session.model().lm(), &config.layers);
            let time = Instant::now();
            let outcome = together(n).run_from(session, known.as_ref(), observer)?;
            let share = if known.is_some() { of_values * n as f64 / most as f64 } else { 0.0 };
            let made = MadePoint {
                method: config.method.name(),
                n,
                batch: *batch,
                perplexity: outcome.health.perplexity,
                norms: before.relative_changes(session.model().lm()),
                seconds: time.elapsed().as_secs_f64() + share,
                settings: json!(config),
            };
            points.push(self.point(made, session, evaluation, observer)?);
            session.undo();
        }
        Ok(points)
    }

    /// Asks the edited model about its records, and keeps the answers in a folder.
    fn point(
        &self,
        made: MadePoint,
        session: &Session,
        evaluation: &mut Evaluation<'_>,
        observer: &mut dyn Observer,
    ) -> Result<TogetherPoint, Error> {
        let MadePoint { method, n, batch, perplexity, norms, seconds, settings } = made;
        let together = self.together;
        let is_single = together.counts.len() == 1 && together.methods.len() == 1;
        let folder =
            if is_single { together.output.clone() } else { together.output.join(format!("{method}-{n}")) };
        let _claim = self.records.claim(&folder)?;
        let record = &session.edits().record;
        let run = Run {
            name: format!("{method}, {n} together"),
            made_by: MADE_BY.to_owned(),
            model_hash: record.model_hash.clone(),
            precision: record.precision.name().to_owned(),
            dataset: together.records.dataset.name().to_owned(),
            data_hash: self.records.hash.clone(),
            method: json!({ "method": method, "settings": settings, "together": n, "batch": batch }),
            inputs: json!({ "statistics": record.statistics }),
            fluency: serde_json::Value::Null,
            environment: record.environment.clone(),
        };
        let mut results = Results::resume(&folder, run)?;
        let mut cases = Vec::with_capacity(n);
        for (done, record) in self.records.list[..n].iter().enumerate() {
            tell(observer, (done, n), method)?;
            let case = evaluation.ask_after(session.model().lm(), record.as_ref(), seconds / n as f64)?;
            results.add(case.clone())?;
            cases.push(case);
        }
        results.finish()?;
        Ok(TogetherPoint {
            method: method.to_owned(),
            n,
            batch,
            summary: RunSummary::of(&cases),
            unedited_neighbours: self.unedited_neighbours(&cases),
            generated: session.generated(&self.requests[..n])?,
            perplexity,
            relative_norms: norms,
            seconds,
        })
    }

    /// NS over neighbours that name no edited subject; nothing if there are none.
    fn unedited_neighbours(&self, cases: &[Case]) -> Option<Estimate> {
        let subjects: Vec<&str> =
            self.records.list[..cases.len()].iter().map(|record| record.rewrite().subject.as_str()).collect();
        let is_edited = |prompt: &String| subjects.iter().any(|subject| prompt.contains(subject));
        let share = |(case, record): (&Case, &dyn Record)| {
            let right = case.post.neighbours_right();
            let prompts = record.neighbours().iter().zip(right);
            let kept: Vec<bool> =
                prompts.filter(|(prompt, _)| !is_edited(prompt)).map(|(_, right)| right).collect();
            let n_right = kept.iter().filter(|&&right| right).count();
            (!kept.is_empty()).then(|| 100.0 * n_right as f64 / kept.len() as f64)
        };
        let records = self.records.list.iter().map(AsRef::as_ref);
        let shares: Vec<f64> = cases.iter().zip(records).filter_map(share).collect();
        (!shares.is_empty()).then(|| Estimate::of(&shares))
    }
}

/// An edited model, on which its records are to be asked about.
struct MadePoint {
    method: &'static str,
    n: usize,
    batch: Option<usize>,
    perplexity: f64,
    norms: Vec<f64>,
    seconds: f64,
    settings: serde_json::Value,
}

/// Weights as they were.
struct Weights(Vec<(usize, Vec<f32>)>);

impl Weights {
    fn of(model: &dyn CausalLm, layers: &[usize]) -> Self {
        Self(layers.iter().map(|&layer| (layer, weight(model, layer))).collect())
    }

    /// `‖ΔW‖ / ‖W‖` of each.
    fn relative_changes(&self, model: &dyn CausalLm) -> Vec<f64> {
        let change = |(layer, before): &(usize, Vec<f32>)| {
            let after = weight(model, *layer);
            let difference: Vec<f32> =
                after.iter().zip(before).map(|(after, before)| after - before).collect();
            norm(&difference) / norm(before)
        };
        self.0.iter().map(change).collect()
    }
}

fn weight(model: &dyn CausalLm, layer: usize) -> Vec<f32> {
    download(widen(model.block(layer).down_projection().weight()))
}

fn tell(observer: &mut dyn Observer, (done, total): (usize, usize), detail: &str) -> Result<(), Error> {
    let (done, total) = (done as u64, total as u64);
    Ok(observer.tell(Event::Progress(Progress { unit: Unit::Records, done, total, detail }))?)
}
