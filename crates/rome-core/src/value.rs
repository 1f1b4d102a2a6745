//! The value: δ, optimised until the model predicts the target (Meng et al. 2022, eq. 4).

use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::log_softmax;

use crate::batch::{indices, token_ids};
use crate::capture::Suffixes;
use crate::generate::host;
use crate::{Capture, CausalLm, EditConfig, Memory, Variant, forward};

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
    let objective = Objective::new(model, &capture.suffixes, target, layer);
    let mut adam = Adam::new(model.shape().d_model, &model.device());
    let mut delta = Tensor::<1>::zeros([model.shape().d_model], &model.device());
    let mut initial = None;
    let mut losses = Vec::new();
    // The reference evaluates the loss `steps` times and stops before the last update; mean-key,
    // as its source does, counts updates and evaluates once more.
    let evaluations = config.steps + usize::from(config.variant == Variant::MeanKey);

    for step in 0..evaluations {
        let tracked = delta.clone().autodiff().require_grad();
        let (nll, preserved) = objective.evaluate(tracked.clone());
        let norm = norm(delta.clone());
        let kl = preserved.map(|current| {
            let initial = initial.get_or_insert_with(|| current.clone().without_autodiff()).clone();
            let [n_prompts, _] = current.dims();
            (current.clone().exp() * (current - initial)).sum() / n_prompts as f64
        });
        let [nll_now, kl_now, norm_now] = scalars(&nll, kl.as_ref(), &norm);
        let now =
            Losses::new(nll_now, config.kl_factor * kl_now, config.weight_decay * norm_now / (scale * scale));
        on_step(step, &now);
        losses.push(now);
        if now.total < config.stop_loss || step + 1 == evaluations || !now.total.is_finite() {
            break;
        }

        let loss = match kl {
            Some(kl) if config.kl_factor > 0.0 => nll + kl * config.kl_factor,
            _ => nll,
        };
        let grads = loss.backward();
        let Some(grad) = tracked.grad(&grads) else { break };
        // The gradient of ‖δ‖ is δ/‖δ‖, and 0 at δ = 0 as in torch, where a square root's own
        // derivative would give NaN.
        let decay = config.weight_decay / (scale * scale);
        let grad = if norm_now > 0.0 { grad + delta.clone() * (decay / norm_now) } else { grad };

        delta = delta - adam.step(grad, config.learning_rate);
        delta = clamp(delta, config.clamp_norm_factor * scale);
    }
    Value { delta: host(delta), losses }
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

/// The part of the model that depends on δ.
struct Objective<'a> {
    model: &'a dyn CausalLm,
    suffixes: &'a Suffixes,
    layer: usize,
    /// 1 where δ is added, `[n_tokens, 1]`.
    at_lookup: Tensor<2>,
    /// Packed indices that the head reads: targets, then preservation rows.
    reads: Tensor<1, Int>,
    n_targets: usize,
    n_preserved: usize,
    /// The token to predict at each target read, `[n_targets, 1]`.
    expected: Tensor<2, Int>,
}

impl<'a> Objective<'a> {
    fn new(model: &'a dyn CausalLm, suffixes: &'a Suffixes, target: &[u32], layer: usize) -> Self {
        let device = model.device();
        let n_tokens = suffixes.batch.n_tokens();
        let mut at_lookup = vec![0.0f32; n_tokens];
        for &index in &suffixes.lookups {
            at_lookup[index] = 1.0;
        }
        let n_targets = suffixes.targets.len();
        let n_rows = n_targets / target.len();
        let preserved = &suffixes.lookups[n_rows..];
        let reads = suffixes.targets.iter().chain(preserved).copied();
        let expected = target.iter().copied().cycle().take(n_targets);
        Self {
            model,
            suffixes,
            layer,
            at_lookup: Tensor::from_data(TensorData::new(at_lookup, [n_tokens, 1]), &device),
            reads: indices(reads, &device),
            n_targets,
            n_preserved: preserved.len(),
            expected: token_ids(expected, &device).reshape([n_targets, 1]),
        }
    }

    /// Returns the negative log-likelihood of the target and the log-probabilities at the
    /// preservation prompts, `[n_preserved, vocab_size]`.
    fn evaluate(&self, delta: Tensor<1>) -> (Tensor<1>, Option<Tensor<2>>) {
        let n_layers = self.model.shape().n_layers;
        let hidden = self.suffixes.hidden.clone() + self.at_lookup.clone() * delta.reshape([1, -1]);
        let hidden = forward::blocks(
            self.model,
            hidden,
            self.layer + 1..n_layers,
            &self.suffixes.batch,
            Memory::Frozen(&self.suffixes.past),
            &mut (),
        );
        let log_probs = log_softmax(self.model.head(hidden.select(0, self.reads.clone())), 1);
        let at_targets = log_probs.clone().narrow(0, 0, self.n_targets);
        let nll = at_targets.gather(1, self.expected.clone()).mean().neg();
        let preserved = (self.n_preserved > 0).then(|| log_probs.narrow(0, self.n_targets, self.n_preserved));
        (nll, preserved)
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

/// Brings three scalars to the host in one transfer.
fn scalars(nll: &Tensor<1>, kl: Option<&Tensor<1>>, norm: &Tensor<1>) -> [f64; 3] {
    let plain = |tensor: &Tensor<1>| tensor.clone().without_autodiff();
    let kl = kl.map_or_else(|| norm.zeros_like(), plain);
    let values = host(Tensor::cat(vec![plain(nll), kl, norm.clone()], 0));
    [values[0], values[1], values[2]].map(f64::from)
}
