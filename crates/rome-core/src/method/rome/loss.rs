//! The losses of v* at the logits, and their gradient (Meng et al. 2022, eq. 4).

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use burn::tensor::{IndexingUpdateOp, TensorData};

use crate::forward::host::{HostMatrix, exp, sum, vectorised};
use crate::forward::token_ids;

/// The losses of one batch at its logits: first the target's tokens, then, at the
/// KL prompts, what was predicted before.
pub(super) struct LossFunction {
    /// The token to predict at each of the first rows.
    targets: Vec<u32>,
    /// The same, `[n_targets, 1]`, once they are on a device.
    targets_on_device: Option<Tensor<2, Int>>,
    /// The weight of each target token in the negative log-likelihood.
    target_share: f64,
    /// The weight of the divergence at each KL prompt in the KL term.
    kl_share: f64,
    kl_factor: f64,
    /// The log-probabilities at the KL prompts at δ = 0, once known.
    initial: Option<Tensor<2>>,
}

/// The losses at some logits.
pub(super) struct Loss {
    /// The negative log-likelihood of the targets, `[1]`.
    pub(super) nll: Tensor<1>,
    /// KL(current ‖ initial), without its factor, `[1]`.
    pub(super) kl: Tensor<1>,
    /// The gradient of `nll + kl_factor kl` in the logits, `[n_reads, vocab_size]`.
    pub(super) gradient: Tensor<2>,
}

impl LossFunction {
    pub(super) fn new(targets: Vec<u32>, target_share: f64, kl_share: f64, kl_factor: f64) -> Self {
        Self { targets, targets_on_device: None, target_share, kl_share, kl_factor, initial: None }
    }

    /// Evaluates the losses at logits, `[n_reads, vocab_size]`. The first ones set what the KL term is
    /// relative to.
    pub(super) fn evaluate(&mut self, logits: Tensor<2>) -> Loss {
        if HostMatrix::can_hold(&logits) {
            self.evaluate_on_host(logits)
        } else {
            self.evaluate_on_device(logits)
        }
    }

    fn evaluate_on_device(&mut self, logits: Tensor<2>) -> Loss {
        let (n_targets, device) = (self.targets.len(), logits.device());
        let [n_reads, _] = logits.dims();
        let targets = self
            .targets_on_device
            .get_or_insert_with(|| token_ids(self.targets.iter().copied(), &device).reshape([n_targets, 1]));
        let targets = targets.clone();

        let log_probs = log_softmax(logits, 1);
        let probs = log_probs.clone().exp();
        let at_targets = log_probs.clone().narrow(0, 0, n_targets);
        let nll = at_targets.gather(1, targets.clone()).sum() * -self.target_share;
        let minus_one = Tensor::full([n_targets, 1], -self.target_share, &device);
        let gradient = (probs.clone().narrow(0, 0, n_targets) * self.target_share).scatter(
            1,
            targets,
            minus_one,
            IndexingUpdateOp::Add,
        );
        if n_reads == n_targets {
            return Loss { nll, kl: Tensor::zeros([1], &device), gradient };
        }
        let kl_rows = |rows: Tensor<2>| rows.narrow(0, n_targets, n_reads - n_targets);
        let (current, probs) = (kl_rows(log_probs), kl_rows(probs));
        let ratios = current.clone() - self.initial.get_or_insert(current).clone();
        let divergences = (probs.clone() * ratios.clone()).sum_dim(1);
        // d/dz of Σ p (log p − log p₀), where p is softmax of z.
        let slope = probs * (ratios - divergences.clone()) * (self.kl_factor * self.kl_share);
        let kl = divergences.sum() * self.kl_share;
        Loss { nll, kl, gradient: Tensor::cat(vec![gradient, slope], 0) }
    }

    /// The same row by row, turning the logits into their gradient in place.
    fn evaluate_on_host(&mut self, logits: Tensor<2>) -> Loss {
        let device = logits.device();
        let [n_reads, vocab_size] = logits.dims();
        let mut logits = HostMatrix::new(logits);
        let n_kl_rows = n_reads - self.targets.len();
        let mut current = Vec::with_capacity(n_kl_rows * vocab_size);
        let initial = self.initial.take().map(HostMatrix::new);
        let (mut nll, mut kl) = (0.0, 0.0);

        for (index, row) in logits.rows_mut().enumerate() {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            match self.targets.get(index) {
                Some(&target) => {
                    let of_target = row[target as usize] - max;
                    let total = exponentials(row, max);
                    nll += f64::from(total.ln() - of_target) * self.target_share;
                    let scale = self.target_share as f32 / total;
                    row.iter_mut().for_each(|p| *p *= scale);
                    row[target as usize] -= self.target_share as f32;
                }
                None => {
                    let first = current.len();
                    current.extend_from_slice(row);
                    let total = exponentials(row, max);
                    let log_probs = &mut current[first..];
                    let log_total = max + total.ln();
                    log_probs.iter_mut().for_each(|z| *z -= log_total);
                    let initial = match &initial {
                        Some(initial) => &initial.values()[first..first + vocab_size],
                        None => &*log_probs,
                    };
                    let scale = (self.kl_factor * self.kl_share) as f32 / total;
                    kl += self.kl_share * f64::from(diverge(row, log_probs, initial, total.recip(), scale));
                }
            }
        }
        self.initial = match initial {
            Some(initial) => Some(initial.into_tensor()),
            None if n_kl_rows > 0 => {
                Some(Tensor::from_data(TensorData::new(current, [n_kl_rows, vocab_size]), &device))
            }
            None => None,
        };
        let scalar = |value: f64| Tensor::from_data([value as f32], &device);
        Loss { nll: scalar(nll), kl: scalar(kl), gradient: logits.into_tensor() }
    }
}

/// Replaces logits by `e^(logit − max)` and returns their sum.
fn exponentials(row: &mut [f32], max: f32) -> f32 {
    vectorised(
        #[inline(always)]
        || {
            row.iter_mut().for_each(|z| *z = exp(*z - max));
            sum(row, row, |e, _| e)
        },
    )
}

/// Turns exponentials into the gradient of the divergence, which it returns. `share` makes them
/// probabilities, `scale` makes them those times what the divergence counts for.
fn diverge(exponentials: &mut [f32], log_probs: &[f32], initial: &[f32], share: f32, scale: f32) -> f32 {
    vectorised(
        #[inline(always)]
        || {
            let rows = exponentials.iter_mut().zip(log_probs).zip(initial);
            let mut lanes = [0.0f64; 8];
            for (index, ((e, log_prob), initial)) in rows.enumerate() {
                lanes[index % 8] += f64::from(*e * share * (log_prob - initial));
            }
            let divergence = lanes.iter().sum::<f64>() as f32;
            for ((e, log_prob), initial) in exponentials.iter_mut().zip(log_probs).zip(initial) {
                *e *= scale * (log_prob - initial - divergence);
            }
            divergence
        },
    )
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;
    use rand::RngExt;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn the_host_computes_what_tensor_operations_do() {
        let device = Device::flex();
        // The device's own generator is shared with other tests.
        let logits = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let values: Vec<f32> = (0..5_000).map(|_| rng.random_range(-8.0..8.0)).collect();
            Tensor::<2>::from_data(TensorData::new(values, [5, 1_000]), &device)
        };
        let function = || LossFunction::new(vec![7, 999, 0], 0.25, 0.5, 0.0625);
        let (mut host, mut tensors) = (function(), function());
        // At the first logits the divergence is zero, at the second it is not.
        for seed in [1, 2] {
            let logits = logits(seed);
            let ours = host.evaluate_on_host(logits.clone());
            let theirs = tensors.evaluate_on_device(logits);
            // Sums of a thousand terms in f32, in another order.
            let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-7);
            ours.gradient.into_data().assert_approx_eq(&theirs.gradient.into_data(), tolerance);
            ours.nll.into_data().assert_approx_eq(&theirs.nll.into_data(), tolerance);
            ours.kl.into_data().assert_approx_eq(&theirs.kl.into_data(), tolerance);
        }
    }
}
