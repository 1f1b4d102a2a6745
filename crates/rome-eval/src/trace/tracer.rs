//! Traces a prompt.

use std::ops::Range;

use rome_core::{CausalLm, Environment, Observer, Stopped, Tokenizer, Workers};

use super::cell_counter::CellCounter;
use super::clean_run::CleanRun;
use super::config::TraceConfig;
use super::corrupted_run::{CorruptedRun, MOST_TOKENS};
use super::noise::{Noise, NoiseDraw};
use super::prompt::TracePrompt;
use super::trace::Trace;
use crate::error::EvalError;

/// Traces a prompt: [`run`](Self::run) makes the trace.
#[derive(Clone, Copy)]
pub struct Tracer<'a> {
    /// The model.
    pub model: &'a dyn CausalLm,
    /// Its tokenizer.
    pub tokenizer: &'a dyn Tokenizer,
    /// The prompt.
    pub prompt: &'a TracePrompt,
    /// The noise on the subject's embeddings, `[samples, subject tokens, d_model]`.
    pub noise: &'a Noise,
    /// The outputs to restore, and how.
    pub config: TraceConfig,
}

impl Tracer<'_> {
    /// The number of cells to fill: the tokens from the subject on, at each layer.
    pub fn n_cells(&self) -> usize {
        (self.prompt.tokens.len() - self.prompt.subject.start) * self.model.shape().n_layers
    }

    /// Traces the prompt, and tells `observer` of cells as they are done.
    ///
    /// Unchanged states are not run again: a cell's run starts at the restored layer and at the
    /// restored token, from what the corrupted run has left there. All cells of a layer are one batch.
    /// The observer is called from the threads that run samples, by one of them at a time.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] when a probability is not a number, and [`EvalError::Stopped`] when the
    /// observer stops it.
    ///
    /// # Panics
    /// If the noise has another shape.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Trace, EvalError> {
        let Self { model, tokenizer, prompt, noise, config } = *self;
        let n_samples = noise.n_samples();
        let counter = CellCounter::start(observer, self.n_cells(), n_samples)?;
        let clean = CleanRun::new(model, prompt, config.kind.part());

        let lens = (prompt.subject.start..prompt.tokens.len()).map(|token| clean.tokens.len() - token);
        let workers = Workers::new(&model.device(), n_samples * lens.sum::<usize>(), n_samples);
        // Samples do not see each other.
        let share = |worker: usize| {
            let of = |worker: usize| worker * n_samples / workers.len();
            of(worker)..of(worker + 1)
        };
        let shares = (0..workers.len()).map(share).collect();
        let sums = workers.map(shares, |samples| self.sums(samples, &clean, &counter));
        let sums: Vec<ProbabilitySums> = sums.into_iter().collect::<Result<_, _>>()?;

        let mean = |of: &dyn Fn(&ProbabilitySums) -> f64| sums.iter().map(of).sum::<f64>() / n_samples as f64;
        let low_score = mean(&|sums| sums.low);
        let score = |token: usize, layer: usize| {
            if token < prompt.subject.start {
                // Before the subject nothing is corrupted, so nothing can be restored.
                mean(&|sums| sums.restored_low)
            } else {
                mean(&|sums| sums.scores[layer][token])
            }
        };
        let row = |token: usize| (0..model.shape().n_layers).map(|layer| score(token, layer)).collect();
        let scores: Vec<Vec<f64>> = (0..prompt.tokens.len()).map(row).collect();
        let mut all = [clean.probability, low_score].into_iter().chain(scores.iter().flatten().copied());
        if all.any(f64::is_nan) {
            return Err(EvalError::NotFinite);
        }
        // With the blank before a word, which some tokenizers leave out at the start of a text.
        let start = tokenizer.start()?;
        let text =
            |token: &u32| tokenizer.decode_after(&start, &[*token]).unwrap_or_else(|_| format!("<{token}>"));
        Ok(Trace {
            prompt: prompt.text.clone(),
            subject: prompt.subject_text.clone(),
            kind: config.kind,
            window: config.n_restored(),
            severed: config.cut.map(|cut| cut.kind),
            samples: n_samples,
            noise: noise.scale(),
            tokens: prompt.tokens.iter().map(text).collect(),
            subject_range: [prompt.subject.start, prompt.subject.end],
            answer: match &prompt.answer {
                Some(answer) => answer.text.clone(),
                None => clean.answer.iter().map(text).collect(),
            },
            high_score: clean.probability,
            low_score,
            scores,
            environment: Some(Environment::of(&model.device())),
        })
    }

    /// Runs some samples, corrupted and with each state restored.
    fn sums(
        &self,
        samples: Range<usize>,
        clean: &CleanRun,
        counter: &CellCounter<'_>,
    ) -> Result<ProbabilitySums, Stopped> {
        let Self { model, prompt, config, .. } = *self;
        // So that what is kept of a run does not grow with the number of samples.
        let at_once = (MOST_TOKENS / clean.tokens.len()).max(1);
        let mut sums = ProbabilitySums::new(model.shape().n_layers, prompt.tokens.len());
        for first in samples.clone().step_by(at_once) {
            let run = |draw: NoiseDraw| {
                let samples = first..(first + at_once).min(samples.end);
                let noise: Vec<&[f32]> = samples.map(|sample| self.noise.sample(sample, draw)).collect();
                CorruptedRun::new(model, prompt, clean, &noise, config.cut_part())
            };
            let first = run(NoiseDraw::First);
            let second = config.has_other_noise().then(|| run(NoiseDraw::Second));
            let restored = second.as_ref().unwrap_or(&first);
            sums.add(first.low, restored.low, &restored.restore(config, &first, counter)?);
        }
        Ok(sums)
    }
}

/// The sums over samples of the probability of the answer.
struct ProbabilitySums {
    /// In the corrupted run.
    low: f64,
    /// In the one that states are restored in, under other noise perhaps.
    restored_low: f64,
    /// With each state restored, `[n_layers, n_tokens]`.
    scores: Vec<Vec<f64>>,
}

impl ProbabilitySums {
    fn new(n_layers: usize, n_tokens: usize) -> Self {
        Self { low: 0.0, restored_low: 0.0, scores: vec![vec![0.0; n_tokens]; n_layers] }
    }

    fn add(&mut self, low: f64, restored_low: f64, scores: &[Vec<f64>]) {
        self.low += low;
        self.restored_low += restored_low;
        let pairs = self.scores.iter_mut().flatten().zip(scores.iter().flatten());
        pairs.for_each(|(sum, score)| *sum += score);
    }
}
