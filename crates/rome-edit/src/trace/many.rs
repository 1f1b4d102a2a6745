//! The traces of many facts, and their averages.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use rome_core::generate::NotFiniteLogits;
use rome_core::request::one_line;
use rome_core::scoring::Answer;
use rome_core::{Event, Observer, Progress, Unit};
use rome_eval::trace::{
    CutNoise, KnownFact, Noise, PathCut, Trace, TraceAverages, TraceConfig, TraceKind, TracePrompt, Tracer,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::TraceError;
use super::file::label;
use super::folder::TraceFolder;
use super::noise_scale::NoiseScale;
use super::seconds::TraceSeconds;
use super::settings::TraceSettings;
use crate::facts::{self, BUNDLED_ORDER};
use crate::{Error, Model};

/// Facts to trace and to average, of those that the model knows.
#[derive(Debug, Clone)]
pub struct TraceMany {
    /// The facts.
    pub facts: FactSource,
    /// The outputs to restore, and how.
    pub settings: TraceSettings,
    /// The size of the noise, by the subjects of these facts.
    pub noise: NoiseScale,
    /// The folder for traces, averages and pictures. A run that was interrupted goes on there.
    pub folder: PathBuf,
    /// The number of facts to trace, the first that the model knows.
    pub limit: Option<usize>,
    /// Goes on after a fact that makes no sense.
    pub keep_going: bool,
    /// The hashes of the edits on the model, in order; they identify a run.
    pub on_top_of: Vec<String>,
    /// When the run began, loading included.
    pub started: Instant,
}

/// A source of facts to trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactSource {
    /// The facts of a bundled model.
    Bundled,
    /// A file such as `known_1000.json` of the reference.
    File(PathBuf),
}

/// The traces of many facts, averaged.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FactTraces {
    /// The number of facts that were traced.
    pub n: usize,
    /// The number of facts that the model does not know.
    pub unknown: usize,
    /// The standard deviation of the noise.
    pub noise: f64,
    /// The averages of each kind.
    pub averages: Vec<TraceAverages>,
    /// The facts that were left out, and why.
    pub left_out: Vec<String>,
    /// The time that each part took.
    pub seconds: TraceSeconds,
}

/// A fact that the model knows, as its prompt is traced.
struct FactPrompt<'f> {
    fact: &'f KnownFact,
    prompt: TracePrompt,
}

impl TraceMany {
    /// Traces the states of facts under the paper's noise.
    pub fn new(facts: FactSource, folder: impl Into<PathBuf>) -> Self {
        Self {
            facts,
            settings: TraceSettings::default(),
            noise: NoiseScale::default(),
            folder: folder.into(),
            limit: None,
            keep_going: false,
            on_top_of: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Checks what can be checked before a model is loaded.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub fn check(&self) -> Result<(), Error> {
        self.settings.configs()?;
        Ok(())
    }

    /// Traces the facts in a model with its current edits.
    ///
    /// # Errors
    /// When there is no fact to trace, one makes no sense and is not left out, the folder has other traces,
    /// or `observer` stops it, which it does at the next cell. Whole traces stay in the folder.
    pub fn run(&self, model: &Model, observer: &mut dyn Observer) -> Result<FactTraces, Error> {
        let configs = self.settings.configs()?;
        let mut left_out = Vec::new();
        let facts = self.facts(model, &mut left_out)?;
        let load = self.started.elapsed();

        let start = Instant::now();
        let noise = self.noise.deviation(model, facts.iter().map(|fact| fact.subject.as_str()))?;
        let (known, unknown) = self.known(&facts, model, &mut left_out, observer)?;
        if known.is_empty() {
            return Err(TraceError::UnknownFacts { n_facts: facts.len() }.into());
        }
        let folder = TraceFolder::open(&self.folder, &self.record(model, noise))?;
        let mut traces: BTreeMap<TraceKind, Vec<Trace>> = BTreeMap::new();
        for (done, FactPrompt { fact, prompt }) in (0..).zip(&known) {
            let (total, detail) = (known.len() as u64, one_line(&fact.subject));
            let event = Event::Progress(Progress { unit: Unit::Facts, done, total, detail: &detail });
            observer.tell(event)?;
            let shape = [self.settings.samples, prompt.subject.len(), model.lm().shape().d_model];
            let noise = Noise::normal(noise, shape)?;
            for &config in &configs {
                let (lm, tokenizer) = (model.lm(), model.tokenizer());
                let tracer = Tracer { model: lm, tokenizer, prompt, noise: &noise, config };
                let trace = match folder.load(fact, &tracer) {
                    Some(trace) => trace,
                    None => {
                        // Facts are what is counted; cells are where it can be stopped.
                        let trace = tracer.run(&mut |_: Event<'_>| observer.event(event))?;
                        folder.save(fact, &tracer, &trace)?;
                        trace
                    }
                };
                traces.entry(config.kind).or_default().push(trace);
            }
        }
        let of_kind = |config: &TraceConfig| TraceAverages::of(traces.get(&config.kind)?);
        let averages: Vec<TraceAverages> = configs.iter().filter_map(of_kind).collect();
        folder.write(&averages, &label(model))?;
        let seconds = TraceSeconds::new(load, start.elapsed());
        Ok(FactTraces { n: known.len(), unknown, noise, averages, left_out, seconds })
    }

    /// The facts to trace; what is wrong with others is added to those that are left out.
    fn facts(&self, model: &Model, left_out: &mut Vec<String>) -> Result<Vec<KnownFact>, Error> {
        let (facts, source_name) = match &self.facts {
            FactSource::Bundled => {
                let facts = facts::bundled(model)
                    .ok_or_else(|| TraceError::NotBundled { model: model.name.clone() })?;
                (facts.known(BUNDLED_ORDER), "bundled".to_owned())
            }
            FactSource::File(path) => {
                let mut facts = Vec::new();
                for fact in KnownFact::read(path)? {
                    match fact {
                        Ok(fact) => facts.push(fact),
                        Err(error) if self.keep_going => leave_out(error.to_string(), left_out),
                        Err(error) => return Err(error.into()),
                    }
                }
                (facts, path.display().to_string())
            }
        };
        if facts.is_empty() {
            return Err(TraceError::NoFacts { source_name }.into());
        }
        Ok(facts)
    }

    /// The first facts whose answers a model writes, all tokens of them, and how many before them it does
    /// not: what it does not know is nowhere in it.
    fn known<'f>(
        &self,
        facts: &'f [KnownFact],
        model: &Model,
        left_out: &mut Vec<String>,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<FactPrompt<'f>>, usize), Error> {
        let (lm, tokenizer) = (model.lm(), model.tokenizer());
        let (mut known, mut n_unknown) = (Vec::new(), 0);
        for (done, fact) in (0..).zip(facts) {
            if self.limit.is_some_and(|limit| known.len() == limit) {
                break;
            }
            let (total, detail) = (facts.len() as u64, one_line(&fact.subject));
            let progress = Progress { unit: Unit::Facts, done, total, detail: &detail };
            observer.tell(Event::Progress(progress))?;
            let prompt = match fact.trace_prompt(tokenizer, lm.shape()) {
                Ok(prompt) => prompt,
                Err(error) => {
                    let error = TraceError::Fact { known_id: fact.known_id, error: Box::new(error) };
                    if !self.keep_going {
                        return Err(error.into());
                    }
                    leave_out(error.to_string(), left_out);
                    continue;
                }
            };
            let asked = prompt.answer.as_ref().map(|answer| Answer::of(lm, &prompt.tokens, &answer.tokens));
            match asked {
                Some(answer) if answer.probability.is_nan() => return Err(NotFiniteLogits.into()),
                Some(answer) if answer.is_greedy => known.push(FactPrompt { fact, prompt }),
                _ => n_unknown += 1,
            }
        }
        Ok((known, n_unknown))
    }

    /// The choices that determine the traces, beside the facts themselves.
    fn record(&self, model: &Model, noise: f64) -> Value {
        let TraceSettings { window, cut, samples, .. } = &self.settings;
        json!({
            "model_hash": model.hash(), "on_top_of": self.on_top_of, "noise": noise, "samples": samples,
            "window": window, "severed": cut.map(|cut| cut.kind),
            "compatible": matches!(cut, Some(PathCut { noise: CutNoise::Other, .. })),
        })
    }
}

/// Says that a fact is left out, and why.
fn leave_out(reason: String, left_out: &mut Vec<String>) {
    tracing::info!("left out: {reason}");
    left_out.push(reason);
}
