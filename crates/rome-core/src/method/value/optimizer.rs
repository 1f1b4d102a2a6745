//! Optimises δ, of one request or of several at once.

use burn::prelude::*;

use super::capture::Capture;
use super::loss::LossFunction;
use super::objective::{Forward, Objective};
use super::settings::ValueSettings;
use crate::forward::indices;
use crate::forward::transfer::{download, upload};
use crate::method::{Adam, EditError, Losses};
use crate::model::CausalLm;
use crate::observer::{Event, Observer, Step, Stopped};

/// Rows of requests that are done are left out once they are one in so many: leaving them out costs about as much
/// as half a block.
const SHARE_DONE: usize = 8;

/// A norm that nothing is divided by: δ is 0 then, and so is what is divided.
const NO_NORM: f32 = 1e-20;

/// δ and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The change of the value, `[d_model]`.
    pub delta: Vec<f32>,
    /// The losses of each step, before its update.
    pub losses: Vec<Losses>,
}

impl Value {
    /// Checks that all is finite.
    ///
    /// # Errors
    /// [`EditError::NotFinite`] with what is not.
    pub fn check(&self) -> Result<(), EditError> {
        if let Some(step) = self.losses.iter().position(|losses| !losses.total.is_finite()) {
            return Err(EditError::NotFinite { what: format!("the loss at step {step}") });
        }
        if !self.delta.iter().all(|value| value.is_finite()) {
            return Err(EditError::NotFinite { what: "the optimised value".to_owned() });
        }
        Ok(())
    }
}

/// Optimises δ with Adam: for each request a vector that is added to the value at the lookup index of each of its
/// rows.
///
/// Only blocks above the edited layer run, on positions from the lookup index on; the head runs
/// where a loss is read. (`compute_v.py` of the reference runs all of the model on padded rows.) Rows do not see
/// each other, so requests are optimised together as they would be alone; one that is done leaves.
pub struct ValueOptimizer<'a> {
    /// The model.
    pub model: &'a dyn CausalLm,
    /// The keys and values of the requests' rows at the edited layer.
    pub capture: &'a Capture,
    /// The edited layer.
    pub layer: usize,
    /// The norm that decay and clamp of each request are relative to.
    pub scales: &'a [f64],
    /// The settings.
    pub settings: ValueSettings,
}

impl ValueOptimizer<'_> {
    /// Runs the optimisation, and tells `observer` of each step: of the losses of the request, or the means of
    /// those that are left.
    ///
    /// # Errors
    /// [`Stopped`] if `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Vec<Value>, Stopped> {
        let &Self { model, capture, layer, scales, settings } = self;
        let ValueSettings { evaluations, weight_decay, kl_factor, stop_loss, .. } = settings;
        let workers = &capture.workers;
        let mut values = vec![Value { delta: Vec::new(), losses: Vec::new() }; scales.len()];
        let mut pack = Pack::new(model, scales, &settings);
        let (mut objectives, mut functions): (Vec<_>, Vec<_>) =
            Objective::split(model, capture, layer, kl_factor).into_iter().unzip();
        for step in 0..evaluations {
            let passes = objectives.iter().zip(&mut functions).collect();
            let delta = &pack.delta;
            let forwards =
                workers.map(passes, |(objective, function)| objective.forward(function, delta.clone()));
            let norms = norms(delta.clone());
            let terms = terms(&forwards, norms.clone());
            let mut now = Vec::with_capacity(terms.len());
            for (slot, Terms { nll, kl, norm, n_missed }) in terms.into_iter().enumerate() {
                let scale = scales[pack.requests[slot]];
                now.push(Losses::new(nll, kl_factor * kl, weight_decay * norm / (scale * scale)));
                pack.n_first[slot] += usize::from(n_missed == 0.0);
            }
            let losses = pack.mean_losses(&now);
            observer.tell(Event::Step(Step { layer, step, most_steps: evaluations, losses: &losses }))?;
            let is_last = step + 1 == evaluations;
            let ends = |losses: &Losses, n_first: usize| {
                let is_first = settings.stop_first.is_some_and(|n| n_first >= n);
                losses.total < stop_loss || is_first || is_last || !losses.total.is_finite()
            };
            pack.take(&now, ends, &mut values);
            if pack.is_done.iter().all(|&done| done) {
                break;
            }

            let n = pack.requests.len();
            let passes = objectives.iter().zip(forwards).collect();
            let grads = workers.map(passes, |(objective, forward)| objective.backward(forward, n));
            let grad = grads.into_iter().reduce(|sum, grad| sum + grad).expect("there is a worker");
            pack.update(grad, norms, settings.learning_rate);
            if let Some(owners) = pack.shrink() {
                let pairs = objectives.iter().zip(&functions).collect();
                let kept = workers.map(pairs, |(objective, function): (&Objective<'_>, &LossFunction)| {
                    (objective.keep(&owners), function.keep(&owners))
                });
                (objectives, functions) = kept.into_iter().unzip();
            }
        }
        Ok(values)
    }
}

/// The requests that are still optimised.
struct Pack {
    /// Their numbers.
    requests: Vec<usize>,
    /// True for those that are done and not left out yet.
    is_done: Vec<bool>,
    /// The number of evaluations so far in which nothing counted was missed.
    n_first: Vec<usize>,
    /// `[n, d_model]`
    delta: Tensor<2>,
    adam: Adam<2>,
    /// The factor of δ/‖δ‖ in the gradient, `[n, 1]`.
    decay: Tensor<2>,
    /// The greatest norm of δ, `[n, 1]`.
    most: Tensor<2>,
}

impl Pack {
    fn new(model: &dyn CausalLm, scales: &[f64], settings: &ValueSettings) -> Self {
        let (n, device) = (scales.len(), model.device());
        let column = |of: &dyn Fn(f64) -> f64| {
            upload(scales.iter().map(|&scale| of(scale) as f32).collect::<Vec<f32>>(), [n, 1], &device)
        };
        let delta = Tensor::<2>::zeros([n, model.shape().d_model], &device);
        Self {
            requests: (0..n).collect(),
            is_done: vec![false; n],
            n_first: vec![0; n],
            adam: Adam::new(&delta),
            delta,
            decay: column(&|scale| settings.weight_decay / (scale * scale)),
            most: column(&|scale| settings.clamp_norm_factor * scale),
        }
    }

    /// The mean losses of requests that are not done.
    fn mean_losses(&self, now: &[Losses]) -> Losses {
        let left = || now.iter().zip(&self.is_done).filter(|(_, done)| !**done).map(|(losses, _)| losses);
        let n = left().count().max(1) as f64;
        let mean = |of: fn(&Losses) -> f64| left().map(of).sum::<f64>() / n;
        Losses::new(mean(|losses| losses.nll), mean(|losses| losses.kl), mean(|losses| losses.decay))
    }

    /// Adds the losses of a step to the values, and takes δ of requests that end.
    fn take(&mut self, now: &[Losses], ends: impl Fn(&Losses, usize) -> bool, values: &mut [Value]) {
        let mut ending = Vec::new();
        for (slot, losses) in now.iter().enumerate().filter(|(slot, _)| !self.is_done[*slot]) {
            values[self.requests[slot]].losses.push(*losses);
            if ends(losses, self.n_first[slot]) {
                ending.push(slot);
            }
        }
        if ending.is_empty() {
            return;
        }
        let [_, d_model] = self.delta.dims();
        let deltas = download(self.delta.clone());
        for slot in ending {
            self.is_done[slot] = true;
            values[self.requests[slot]].delta = deltas[slot * d_model..(slot + 1) * d_model].to_vec();
        }
    }

    /// Makes a step down the gradient of the losses, `[n, d_model]`, given the norms of δ, `[n, 1]`.
    fn update(&mut self, grad: Tensor<2>, of_delta: Tensor<2>, learning_rate: f64) {
        // The gradient of ‖δ‖ is δ/‖δ‖, and 0 at δ = 0 as in torch, where a square root's own
        // derivative would give NaN.
        let decay = self.decay.clone() / of_delta.clamp_min(NO_NORM);
        let grad = grad + self.delta.clone() * decay;
        let delta = self.delta.clone() - self.adam.step(grad, learning_rate);
        let scale = norms(delta.clone()).recip() * self.most.clone();
        self.delta = delta * scale.clamp_max(1.0);
    }

    /// Leaves out requests that are done, if they are many, and returns the new number of each one that is left.
    fn shrink(&mut self) -> Option<Vec<Option<usize>>> {
        let n_done = self.is_done.iter().filter(|&&done| done).count();
        if n_done * SHARE_DONE < self.requests.len() || n_done == 0 {
            return None;
        }
        let mut numbers = 0..;
        let owners = self.is_done.iter().map(|&done| if done { None } else { numbers.next() }).collect();
        let kept: Vec<usize> = (0..self.requests.len()).filter(|&slot| !self.is_done[slot]).collect();
        let rows = indices(kept.iter().copied(), &self.delta.device());
        let keep = |tensor: &Tensor<2>| tensor.clone().select(0, rows.clone());
        self.requests = kept.iter().map(|&slot| self.requests[slot]).collect();
        self.n_first = kept.iter().map(|&slot| self.n_first[slot]).collect();
        self.is_done = vec![false; kept.len()];
        self.delta = keep(&self.delta);
        self.adam.keep(&rows);
        self.decay = keep(&self.decay);
        self.most = keep(&self.most);
        Some(owners)
    }
}

/// The norm of each row, `[n, 1]`.
fn norms(rows: Tensor<2>) -> Tensor<2> {
    (rows.clone() * rows).sum_dim(1).sqrt()
}

/// The terms of a request's loss, without their factors.
struct Terms {
    nll: f64,
    kl: f64,
    /// `‖δ‖`
    norm: f64,
    n_missed: f64,
}

/// Sums the workers' losses, all in one transfer to the host.
fn terms(forwards: &[Forward<'_>], norms: Tensor<2>) -> Vec<Terms> {
    const N_TERMS: usize = 3;
    let [n, _] = norms.dims();
    let losses = forwards.iter().flat_map(|forward| {
        let loss = &forward.loss;
        [loss.nll.clone(), loss.kl.clone(), loss.n_missed.clone()]
    });
    let values = download(Tensor::cat(losses.chain([norms.reshape([n])]).collect(), 0));
    let (losses, norms) = values.split_at(N_TERMS * n * forwards.len());
    let of_request = |request: usize| {
        let sum = |term: usize| {
            losses[term * n + request..].iter().step_by(N_TERMS * n).copied().map(f64::from).sum::<f64>()
        };
        Terms { nll: sum(0), kl: sum(1), n_missed: sum(2), norm: f64::from(norms[request]) }
    };
    (0..n).map(of_request).collect()
}
