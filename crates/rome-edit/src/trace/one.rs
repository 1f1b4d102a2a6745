//! The traces of one prompt.

use std::path::PathBuf;
use std::time::Instant;

use rome_core::{Event, Observer, Progress, Unit};
use rome_eval::trace::{Noise, Trace, TracePrompt, Tracer};
use rome_files::read_bounded;
use serde::{Serialize, Serializer};

use super::file::{TraceForm, as_json};
use super::noise_scale::NoiseScale;
use super::seconds::TraceSeconds;
use super::settings::TraceSettings;
use crate::{Error, Model, facts};

/// Noise for a hundred tokens of a large model in ten samples has some 20 MB.
const MAX_NOISE: u64 = 1 << 30;

/// A prompt to trace.
///
/// ```no_run
/// use rome_edit::{Session, TraceOne};
///
/// let session = Session::open("facts-gpt2")?;
/// let trace = TraceOne {
///     output: Some("obama.svg".into()),
///     ..TraceOne::new("The mother tongue of {} is", "Barack Obama")
/// };
/// let traces = trace.run(session.model(), &mut ())?;
/// println!("p({}) is {}", traces.traces[0].answer, traces.traces[0].high_score);
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TraceOne {
    /// The prompt, with `{}` for the subject, or a sentence that contains it.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// The answer to trace, of one token or several; the most probable token after the prompt by default.
    pub answer: Option<String>,
    /// The outputs to restore, and how.
    pub settings: TraceSettings,
    /// The noise on the subject's embeddings.
    pub noise: TraceNoise,
    /// The file to write, if any: its name ends in `.json`, `.svg` or `.png`.
    pub output: Option<PathBuf>,
    /// When the run began, loading included.
    pub started: Instant,
}

/// The noise on a subject's embeddings.
#[derive(Debug, Clone, PartialEq)]
pub enum TraceNoise {
    /// Normal noise of this size, drawn as the reference does.
    Normal(NoiseScale),
    /// Noise of a file, already scaled: safetensors with `noise`, `[samples, subject tokens, d_model]`.
    File(PathBuf),
}

/// The traces of a prompt. In JSON, one trace is the object itself, and several are there by their kinds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PromptTraces {
    /// A trace of each kind.
    #[serde(flatten, serialize_with = "by_kind")]
    pub traces: Vec<Trace>,
    /// The time that each part took.
    pub seconds: TraceSeconds,
}

impl TraceOne {
    /// Traces states of a prompt under the paper's noise, and writes nothing.
    pub fn new(prompt: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            subject: subject.into(),
            answer: None,
            settings: TraceSettings::default(),
            noise: TraceNoise::Normal(NoiseScale::default()),
            output: None,
            started: Instant::now(),
        }
    }

    /// Checks what can be checked before a model is loaded.
    ///
    /// # Errors
    /// When the settings make no sense, or the file cannot be written.
    pub fn check(&self) -> Result<(), Error> {
        self.settings.configs()?;
        if let Some(output) = &self.output {
            TraceForm::of(output)?;
            rome_files::check_writable(output)?;
        }
        Ok(())
    }

    /// Traces the prompt in a model with its current edits.
    ///
    /// # Errors
    /// When the prompt or the noise makes no sense for the model, the file cannot be written, or `observer`
    /// stops it, which it does at the next cell.
    pub fn run(&self, model: &Model, observer: &mut dyn Observer) -> Result<PromptTraces, Error> {
        self.check()?;
        let load = self.started.elapsed();
        let start = Instant::now();
        let (lm, tokenizer) = (model.lm(), model.tokenizer());
        let mut prompt = TracePrompt::new(&self.prompt, &self.subject, tokenizer, lm.shape())?;
        if let Some(answer) = &self.answer {
            prompt = prompt.with_answer(answer, tokenizer, lm.shape())?;
        }
        let shape = [self.settings.samples, prompt.subject.len(), lm.shape().d_model];
        let noise = match &self.noise {
            TraceNoise::File(path) => Noise::from_bytes(&read_bounded(path, MAX_NOISE)?, shape)?,
            TraceNoise::Normal(scale) => {
                Noise::normal(scale.deviation(model, facts::subjects(model))?, shape)?
            }
        };
        let tracer = |config| Tracer { model: lm, tokenizer, prompt: &prompt, noise: &noise, config };
        let tracers: Vec<Tracer<'_>> = self.settings.configs()?.into_iter().map(tracer).collect();
        let total = tracers.iter().map(|tracer| tracer.n_cells() as u64).sum();
        let mut n_before = 0;
        let mut traces = Vec::with_capacity(tracers.len());
        for tracer in &tracers {
            // The cells of all kinds are one piece of work.
            let mut of_all = |event: Event<'_>| match event {
                Event::Progress(progress) if progress.unit == Unit::Cells => {
                    let done = n_before + progress.done;
                    observer.event(Event::Progress(Progress { done, total, ..progress }))
                }
                event => observer.event(event),
            };
            traces.push(tracer.run(&mut of_all)?);
            n_before += tracer.n_cells() as u64;
        }
        let seconds = TraceSeconds::new(load, start.elapsed());
        if let Some(output) = &self.output {
            rome_files::write(output, &TraceForm::of(output)?.bytes(&traces, model)?)?;
        }
        Ok(PromptTraces { traces, seconds })
    }
}

fn by_kind<S: Serializer>(traces: &[Trace], serializer: S) -> Result<S::Ok, S::Error> {
    as_json(traces).serialize(serializer)
}
