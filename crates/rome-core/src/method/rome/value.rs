//! The value: δ, optimised until the model predicts the target (Meng et al. 2022, eq. 4).

use burn::prelude::*;

use super::capture::Capture;
use super::config::RomeConfig;
use super::objective::{Forward, Objective};
use crate::forward::transfer::download;
use crate::method::{Adam, Losses};
use crate::model::CausalLm;
use crate::observer::{Event, Observer, Step, Stopped};

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
/// Only blocks above the edited layer run, on positions from the lookup index on; the head runs
/// where a loss is read. (`compute_v.py` of the reference runs all of the model on padded rows.)
pub struct ValueOptimizer<'a> {
    /// The model.
    pub model: &'a dyn CausalLm,
    /// The keys and values of the rows at the edited layer.
    pub capture: &'a Capture,
    /// The tokens of the target.
    pub target: &'a [u32],
    /// The edited layer.
    pub layer: usize,
    /// The settings.
    pub config: &'a RomeConfig,
}

impl ValueOptimizer<'_> {
    /// Runs the optimisation, and tells `observer` of each step.
    ///
    /// # Errors
    /// [`Stopped`] if `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Value, Stopped> {
        let &Self { model, capture, target, layer, config } = self;
        let formula = config.variant.formula();
        let scale = formula.scale(capture);
        let workers = &capture.workers;
        let (objectives, mut functions): (Vec<_>, Vec<_>) =
            Objective::split(model, capture, target, layer, config.kl_factor).into_iter().unzip();
        let mut delta = Tensor::<1>::zeros([model.shape().d_model], &model.device());
        let mut adam = Adam::new(&delta);
        let mut losses = Vec::new();
        // The reference evaluates the loss `steps` times and stops before the last update.
        let evaluations = config.steps + usize::from(formula.counts_updates);

        for step in 0..evaluations {
            let passes = objectives.iter().zip(&mut functions).collect();
            let forwards =
                workers.map(passes, |(objective, function)| objective.forward(function, delta.clone()));
            let norm = norm(delta.clone());
            let [nll, kl, norm] = scalars(&forwards, norm);
            let now = Losses::new(nll, config.kl_factor * kl, config.weight_decay * norm / (scale * scale));
            observer.tell(Event::Step(Step { layer, step, most_steps: evaluations, losses: &now }))?;
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
        Ok(Value { delta: download(delta), losses })
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
