//! The value: δ, optimised until the model predicts the target (Meng et al. 2022, eq. 4).

use burn::prelude::*;

use crate::batch::indices;
use crate::capture::Suffixes;
use crate::chain::Back;
use crate::forward::{BlockBack, Pass, Still};
use crate::loss::{Loss, Wanted};
use crate::transfer::{download, upload};
use crate::{Capture, CausalLm, Chain, EditConfig, Memory, Variant};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The loss of one step, each term as it enters the total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// The sum of the others.
    pub total: f64,
    /// The negative log-likelihood of the target: mean over rows and target tokens.
    pub nll: f64,
    /// KL(current ‖ initial) at the preservation prompts, mean over them, times its factor.
    pub kl: f64,
    /// `‖δ‖ / ‖target_init‖²`, times its factor.
    pub decay: f64,
}

/// δ and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The change of the MLP's output, `[d_model]`.
    pub delta: Vec<f32>,
    /// The losses of each step, before its update.
    pub losses: Vec<Losses>,
}

/// Optimises δ, added to the MLP's output at the lookup index of every row, with Adam.
///
/// `scale` is the norm that decay and clamp are relative to: that of the unprefixed prompt's
/// value, or of the mean value in [`Variant::MeanKey`]. `on_step` is called with each step's
/// index and losses.
///
/// Only blocks above the edited layer run, on positions from the lookup index on; the head runs
/// where a loss is read. (`compute_v.py` of the reference runs all of the model on padded rows.)
pub fn optimise(
    model: &dyn CausalLm,
    capture: &Capture,
    target: &[u32],
    layer: usize,
    config: &EditConfig,
    scale: f64,
    on_step: &mut dyn FnMut(usize, &Losses),
) -> Value {
    let workers = &capture.workers;
    let (objectives, mut wanted): (Vec<_>, Vec<_>) =
        Objective::split(model, capture, target, layer, config.kl_factor).into_iter().unzip();
    let mut adam = Adam::new(model.shape().d_model, &model.device());
    let mut delta = Tensor::<1>::zeros([model.shape().d_model], &model.device());
    let mut losses = Vec::new();
    // The reference evaluates the loss `steps` times and stops before the last update; mean-key,
    // as its source does, counts updates and evaluates once more.
    let evaluations = config.steps + usize::from(config.variant == Variant::MeanKey);

    for step in 0..evaluations {
        let passes = objectives.iter().zip(&mut wanted).collect();
        let forwards = workers.map(passes, |(objective, wanted)| objective.forward(wanted, delta.clone()));
        let norm = norm(delta.clone());
        let [nll, kl, norm] = scalars(&forwards, norm);
        let now = Losses::new(nll, config.kl_factor * kl, config.weight_decay * norm / (scale * scale));
        on_step(step, &now);
        losses.push(now);
        if now.total < config.stop_loss || step + 1 == evaluations || !now.total.is_finite() {
            break;
        }

        let passes = objectives.iter().zip(forwards).collect();
        let grads = workers.map(passes, |(objective, forward)| objective.backward(forward));
        let grad = Tensor::stack::<2>(grads, 0).sum_dim(0).reshape([-1]);
        // The gradient of ‖δ‖ is δ/‖δ‖, and 0 at δ = 0 as in torch, where a square root's own
        // derivative would give NaN.
        let decay = config.weight_decay / (scale * scale);
        let grad = if norm > 0.0 { grad + delta.clone() * (decay / norm) } else { grad };

        delta = delta - adam.step(grad, config.learning_rate);
        delta = clamp(delta, config.clamp_norm_factor * scale);
    }
    Value { delta: download(delta), losses }
}

impl Losses {
    fn new(nll: f64, kl: f64, decay: f64) -> Self {
        Self { total: nll + kl + decay, nll, kl, decay }
    }

    /// `[total, nll, kl, decay]`
    pub fn to_array(self) -> [f64; 4] {
        [self.total, self.nll, self.kl, self.decay]
    }
}

/// One worker's part of what depends on δ.
struct Objective<'a> {
    model: &'a dyn CausalLm,
    suffixes: &'a Suffixes,
    layer: usize,
    /// What the first block has computed of the positions that δ is not added to; nothing if it
    /// is the last one, too.
    still: Option<Still>,
    /// 1 where δ is added, `[n_tokens, 1]`.
    at_lookup: Tensor<2>,
    /// The packed indices of the lookup positions.
    lookups: Tensor<1, Int>,
}

/// A forward pass and its way back.
struct Forward<'a> {
    loss: Loss,
    head: Back<'a>,
    blocks: Vec<BlockBack<'a, 'a>>,
}

impl<'a> Objective<'a> {
    /// Makes the objective of each worker, and what it wants of the logits; the loss is their sum.
    fn split(
        model: &'a dyn CausalLm,
        capture: &'a Capture,
        target: &[u32],
        layer: usize,
        kl_factor: f64,
    ) -> Vec<(Self, Wanted)> {
        let device = model.device();
        let count = |of: fn(&Suffixes) -> usize| capture.suffixes.iter().map(of).sum::<usize>();
        let n_targets = count(|suffixes| suffixes.n_rows) * target.len();
        let n_preserved = count(|suffixes| suffixes.n_preserved);
        let of = |suffixes: &'a Suffixes| {
            let n_tokens = suffixes.batch.n_tokens();
            let mut at_lookup = vec![0.0f32; n_tokens];
            for &index in &suffixes.lookups {
                at_lookup[index] = 1.0;
            }
            let targets = target.iter().copied().cycle().take(suffixes.n_rows * target.len()).collect();
            let (target_share, preserved_share) = (1.0 / n_targets as f64, 1.0 / n_preserved.max(1) as f64);
            let lookups = indices(suffixes.lookups.iter().copied(), &device);
            let still = (layer + 2 < model.shape().n_layers).then(|| {
                Still::new(model, suffixes.hidden.clone(), layer + 1, &suffixes.batch, lookups.clone())
            });
            let at_lookup = upload(at_lookup, [n_tokens, 1], &device);
            let wanted = Wanted::new(targets, target_share, preserved_share, kl_factor);
            (Self { model, suffixes, layer, still, at_lookup, lookups }, wanted)
        };
        capture.suffixes.iter().map(of).collect()
    }

    fn forward(&self, wanted: &mut Wanted, delta: Tensor<1>) -> Forward<'_> {
        let Self { model, suffixes, .. } = *self;
        let mut hidden = suffixes.hidden.clone() + self.at_lookup.clone() * delta.reshape([1, -1]);
        let mut blocks = Vec::new();
        let n_layers = model.shape().n_layers;
        for layer in self.layer + 1..n_layers {
            let (batch, past) = match layer + 1 == n_layers {
                true => (&suffixes.last, &suffixes.last_past),
                false => (&suffixes.batch, &suffixes.past),
            };
            let still = self.still.as_ref().filter(|_| layer == self.layer + 1);
            let pass = Pass { model, layer, batch, recorded: true, still };
            let (output, back) = pass.run(hidden, &mut Memory::Frozen(past), &mut ());
            hidden = output;
            blocks.push(back);
        }
        if blocks.is_empty() {
            hidden = suffixes.last.read(hidden);
        }
        let (logits, head) = model.head(Chain::recorded(hidden)).split();
        Forward { loss: wanted.judge(logits), head, blocks }
    }

    /// Returns the gradient of δ, `[d_model]`.
    fn backward(&self, forward: Forward<'_>) -> Tensor<1> {
        let grad = forward.head.pull(forward.loss.gradient);
        let grad = match forward.blocks.is_empty() {
            true => self.suffixes.last.add_reads(self.suffixes.hidden.zeros_like(), grad),
            false => forward.blocks.into_iter().rev().fold(grad, |grad, block| block.pull(grad)),
        };
        let of_lookups = match self.still {
            Some(_) => grad,
            None => grad.select(0, self.lookups.clone()),
        };
        of_lookups.sum_dim(0).reshape([-1])
    }
}

/// Adam as torch has it, for one vector, without weight decay.
struct Adam {
    mean: Tensor<1>,
    variance: Tensor<1>,
    steps: i32,
}

impl Adam {
    fn new(size: usize, device: &Device) -> Self {
        Self { mean: Tensor::zeros([size], device), variance: Tensor::zeros([size], device), steps: 0 }
    }

    /// Returns what is to be subtracted.
    fn step(&mut self, grad: Tensor<1>, learning_rate: f64) -> Tensor<1> {
        self.steps += 1;
        self.mean = self.mean.clone() * BETA_1 + grad.clone() * (1.0 - BETA_1);
        self.variance = self.variance.clone() * BETA_2 + grad.clone() * grad * (1.0 - BETA_2);
        let mean_scale = learning_rate / (1.0 - BETA_1.powi(self.steps));
        let variance_scale = 1.0 / (1.0 - BETA_2.powi(self.steps)).sqrt();
        self.mean.clone() * mean_scale / (self.variance.clone().sqrt() * variance_scale + EPSILON)
    }
}

fn norm(vector: Tensor<1>) -> Tensor<1> {
    (vector.clone() * vector).sum().sqrt()
}

/// Scales a vector back to length `max`, if it is longer.
fn clamp(vector: Tensor<1>, max: f64) -> Tensor<1> {
    let scale = norm(vector.clone()).recip() * max;
    vector * scale.clamp_max(1.0)
}

/// Sums the workers' losses and returns `[nll, kl, norm]`, all in one transfer to the host.
fn scalars(forwards: &[Forward<'_>], norm: Tensor<1>) -> [f64; 3] {
    let terms = forwards.iter().flat_map(|forward| [forward.loss.nll.clone(), forward.loss.kl.clone()]);
    let values = download(Tensor::cat(terms.chain([norm.clone()]).collect(), 0));
    let sum = |term| values[..2 * forwards.len()].iter().skip(term).step_by(2).copied().map(f64::from).sum();
    [sum(0), sum(1), f64::from(values[2 * forwards.len()])]
}
