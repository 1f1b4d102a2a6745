//! Causal tracing (Meng et al. 2022, section 2): which hidden states carry a fact to the answer?
//!
//! A model answers a prompt (the clean run), answers it with noise on the subject's token embeddings
//! (the corrupted run), and answers it corrupted but for one state, which is given back its clean
//! value. How probable the clean answer is then says how much of the fact goes through that state.

mod averages;
mod corrupted;
mod known;
mod noise;
mod picture;
mod prompt;

use std::ops::Range;

use burn::prelude::Tensor;
use rome_core::forward;
use rome_core::generate::argmax;
use rome_core::transfer::download;
use rome_core::{Batch, CausalLm, Environment, Memory, Part, Site, TokenCodec, Workers, edit};
use serde::{Deserialize, Serialize};

use crate::EvalError;

pub use averages::{Averages, Role, RoleAverage};
pub use known::KnownFact;
pub use noise::{Noise, sigma};
pub use picture::{averages_figure, averages_map, heat_map};
pub use prompt::TracedPrompt;

use corrupted::{Corrupted, MOST_TOKENS};

/// What is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The output of one whole block.
    State,
    /// The outputs of the MLPs of some layers around one.
    Mlp,
    /// The outputs of attention of some layers around one.
    Attn,
}

impl Kind {
    /// All of them, in the paper's order.
    pub const ALL: [Self; 3] = [Self::State, Self::Mlp, Self::Attn];

    fn part(self) -> Part {
        match self {
            Self::State => Part::Block,
            Self::Mlp => Part::Mlp,
            Self::Attn => Part::Attention,
        }
    }

    /// The name in files and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Mlp => "mlp",
            Self::Attn => "attn",
        }
    }
}

/// What is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceConfig {
    /// What is restored.
    pub kind: Kind,
    /// The number of layers whose MLPs or attentions are restored at once.
    pub window: usize,
    /// Whose path is cut: where a state is restored, the outputs of these at the same token stay what
    /// they are in the corrupted run, at all layers.
    pub severed: Option<Kind>,
    /// Cut paths stay what they are under other noise than the rest of the run has, as in
    /// `trace_with_repatch` of the reference, whose second pass draws anew.
    pub other_noise: bool,
}

impl TraceConfig {
    /// Traces one kind, in windows of ten layers as in the paper.
    pub fn new(kind: Kind) -> Self {
        Self { kind, window: 10, severed: None, other_noise: false }
    }
}

/// A trace: how probable the answer is with each state restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The prompt, subject in its place.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// What was restored.
    pub kind: Kind,
    /// At how many layers at once.
    pub window: usize,
    /// Whose paths were cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severed: Option<Kind>,
    /// How often the prompt was corrupted.
    pub samples: usize,
    /// The standard deviation of the noise; nothing of noise from a file.
    #[serde(default)]
    pub noise: Option<f64>,
    /// The tokens of the prompt.
    pub tokens: Vec<String>,
    /// Those of the subject, end exclusive.
    pub subject_range: [usize; 2],
    /// The most probable token of the clean run.
    pub answer: String,
    /// Its probability in the clean run.
    pub high_score: f64,
    /// Its probability in the corrupted run, the mean over samples.
    pub low_score: f64,
    /// Its probability with a state restored, `[tokens][layers]`.
    pub scores: Vec<Vec<f64>>,
    /// What computed it; nothing of a trace of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

impl Trace {
    /// Traces a prompt.
    ///
    /// What is not changed is not run again: a cell's run starts at the restored layer and at the
    /// restored token, from what the corrupted run has left there. All cells of a layer are one batch.
    /// `on_cells` is told how many cells are done each time, tokens before the subject left out.
    ///
    /// # Shapes
    /// - noise: `[samples, subject tokens, d_model]`
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] when a probability is not a number.
    ///
    /// # Panics
    /// If the noise has another shape.
    pub fn new(
        model: &dyn CausalLm,
        tokens: &dyn TokenCodec,
        prompt: &TracedPrompt,
        noise: &Noise,
        config: TraceConfig,
        on_cells: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, EvalError> {
        let n_layers = model.shape().n_layers;
        let clean = Clean::new(model, &prompt.tokens, config.kind.part());
        let held = config.severed.map(Kind::part);

        let n_samples = noise.n_samples();
        let lens = (prompt.subject.start..prompt.tokens.len()).map(|token| prompt.tokens.len() - token);
        let workers = Workers::new(&model.device(), n_samples * lens.sum::<usize>(), n_samples);
        // Samples do not see each other.
        let share = |worker: usize| {
            let of = |worker: usize| worker * n_samples / workers.len();
            of(worker)..of(worker + 1)
        };
        // So that what is kept of a run does not grow with the number of samples.
        let at_once = (MOST_TOKENS / prompt.tokens.len()).max(1);
        let sums = workers.map((0..workers.len()).map(share).collect(), |samples: Range<usize>| {
            let is_first = samples.start == 0;
            let on_cells = &|n: usize| {
                if is_first {
                    on_cells(n)
                }
            };
            let mut sums = Sums::new(n_layers, prompt.tokens.len());
            for first in samples.clone().step_by(at_once) {
                let run = |is_second: bool| {
                    let samples = first..(first + at_once).min(samples.end);
                    let noise: Vec<&[f32]> = samples.map(|sample| noise.sample(sample, is_second)).collect();
                    Corrupted::new(model, prompt, &clean, &noise, held)
                };
                let first = run(false);
                let second = config.other_noise.then(|| run(true));
                let restored = second.as_ref().unwrap_or(&first);
                sums.add(first.low, restored.low, &restored.restore(config, &first, on_cells));
            }
            sums
        });
        let sum = |of: &dyn Fn(&Sums) -> f64| sums.iter().map(of).sum::<f64>() / n_samples as f64;
        let low_score = sum(&|sums| sums.low);
        let score = |token: usize, layer: usize| match token < prompt.subject.start {
            // Before the subject nothing is corrupted, so nothing can be restored.
            true => sum(&|sums| sums.restored_low),
            false => sum(&|sums| sums.scores[layer][token]),
        };
        let row = |token: usize| (0..n_layers).map(|layer| score(token, layer)).collect();
        let scores: Vec<Vec<f64>> = (0..prompt.tokens.len()).map(row).collect();
        let all = [clean.probability, low_score].into_iter().chain(scores.iter().flatten().copied());
        if all.into_iter().any(f64::is_nan) {
            return Err(EvalError::NotFinite);
        }
        let text = |token: &u32| tokens.decode(&[*token]).unwrap_or_else(|_| format!("<{token}>"));
        Ok(Self {
            prompt: prompt.text.clone(),
            subject: prompt.subject_text.clone(),
            kind: config.kind,
            window: if config.kind == Kind::State { 1 } else { config.window },
            severed: config.severed,
            samples: n_samples,
            noise: noise.scale(),
            tokens: prompt.tokens.iter().map(text).collect(),
            subject_range: [prompt.subject.start, prompt.subject.end],
            answer: text(&clean.answer),
            high_score: clean.probability,
            low_score,
            scores,
            environment: Some(Environment::of(&model.device())),
        })
    }
}

/// What the probabilities of the answer come to over samples.
struct Sums {
    /// In the corrupted run.
    low: f64,
    /// In the one that states are restored in, under other noise perhaps.
    restored_low: f64,
    /// With each state restored, `[n_layers, n_tokens]`.
    scores: Vec<Vec<f64>>,
}

impl Sums {
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

/// The run without noise.
struct Clean {
    /// By layer, what may be restored, `[n_tokens, d_model]`.
    states: Vec<Tensor<2>>,
    answer: u32,
    probability: f64,
}

impl Clean {
    fn new(model: &dyn CausalLm, tokens: &[u32], part: Part) -> Self {
        let batch = Batch::new(&[tokens.len()], &model.device());
        let mut states = Vec::new();
        let mut tap = |site: Site, state: Tensor<2>| {
            if site.part == part {
                states.push(state.clone());
            }
            state
        };
        let hidden = forward::embed(model, tokens, &batch);
        let n_layers = model.shape().n_layers;
        let hidden = forward::blocks(model, hidden, 0..n_layers, &batch, Memory::None, &mut tap);
        let logits = download(forward::head(model, hidden.narrow(0, tokens.len() - 1, 1)));
        let answer = argmax(&logits);
        Self { states, answer, probability: edit::probability(&logits, answer) }
    }
}
