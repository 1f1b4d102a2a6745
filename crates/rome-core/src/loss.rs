//! The losses of v* at the logits, and their gradient (Meng et al. 2022, eq. 4).

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use burn::tensor::{IndexingUpdateOp, TensorData};

use crate::batch::token_ids;
use crate::host::{HostMatrix, exp, sum, vectorised};

/// What is wanted of the logits of one batch: first the target's tokens, then, at the
/// preservation prompts, what was predicted before.
pub(crate) struct Wanted {
    /// The token to predict at each of the first rows.
    targets: Vec<u32>,
    /// The same, `[n_targets, 1]`, once they are on a device.
    targets_on_device: Option<Tensor<2, Int>>,
    /// What each of them counts for in the negative log-likelihood.
    target_share: f64,
    /// What the divergence at each preservation prompt counts for in the KL term.
    preserved_share: f64,
    kl_factor: f64,
    /// The log-probabilities at the preservation prompts at δ = 0, once known.
    initial: Option<Tensor<2>>,
}

/// The losses at some logits.
pub(crate) struct Loss {
    /// The negative log-likelihood of the targets, `[1]`.
    pub(crate) nll: Tensor<1>,
    /// KL(current ‖ initial), without its factor, `[1]`.
    pub(crate) kl: Tensor<1>,
    /// The gradient of `nll + kl_factor kl` in the logits, `[n_reads, vocab_size]`.
    pub(crate) gradient: Tensor<2>,
}

impl Wanted {
    pub(crate) fn new(targets: Vec<u32>, target_share: f64, preserved_share: f64, kl_factor: f64) -> Self {
        Self { targets, targets_on_device: None, target_share, preserved_share, kl_factor, initial: None }
    }

    /// Judges logits, `[n_reads, vocab_size]`. The first ones set what the KL term is relative to.
    pub(crate) fn judge(&mut self, logits: Tensor<2>) -> Loss {
        match HostMatrix::holds(&logits) {
            true => self.judge_on_host(logits),
            false => self.judge_on_device(logits),
        }
    }

    fn judge_on_device(&mut self, logits: Tensor<2>) -> Loss {
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
        let preserved = |rows: Tensor<2>| rows.narrow(0, n_targets, n_reads - n_targets);
        let (current, probs) = (preserved(log_probs), preserved(probs));
        let ratios = current.clone() - self.initial.get_or_insert(current).clone();
        let divergences = (probs.clone() * ratios.clone()).sum_dim(1);
        // d/dz of Σ p (log p − log p₀), where p is softmax of z.
        let slope = probs * (ratios - divergences.clone()) * (self.kl_factor * self.preserved_share);
        let kl = divergences.sum() * self.preserved_share;
        Loss { nll, kl, gradient: Tensor::cat(vec![gradient, slope], 0) }
    }

    /// The same row by row, turning the logits into their gradient in place.
    fn judge_on_host(&mut self, logits: Tensor<2>) -> Loss {
        let device = logits.device();
        let [n_reads, vocab_size] = logits.dims();
        let mut logits = HostMatrix::new(logits);
        let n_preserved = n_reads - self.targets.len();
        let mut current = Vec::with_capacity(n_preserved * vocab_size);
        let initial = self.initial.take().map(HostMatrix::new);
        let (mut nll, mut kl) = (0.0, 0.0);

        for (index, row) in logits.rows_mut().enumerate() {
            let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            match self.targets.get(index) {
                Some(&target) => {
                    let of_target = row[target as usize] - greatest;
                    let total = exponentials(row, greatest);
                    nll += f64::from(total.ln() - of_target) * self.target_share;
                    let scale = self.target_share as f32 / total;
                    row.iter_mut().for_each(|p| *p *= scale);
                    row[target as usize] -= self.target_share as f32;
                }
                None => {
                    let first = current.len();
                    current.extend_from_slice(row);
                    let total = exponentials(row, greatest);
                    let log_probs = &mut current[first..];
                    let log_total = greatest + total.ln();
                    log_probs.iter_mut().for_each(|z| *z -= log_total);
                    let initial = match &initial {
                        Some(initial) => &initial.values()[first..first + vocab_size],
                        None => &*log_probs,
                    };
                    let scale = (self.kl_factor * self.preserved_share) as f32 / total;
                    kl += self.preserved_share
                        * f64::from(diverge(row, log_probs, initial, total.recip(), scale));
                }
            }
        }
        self.initial = match initial {
            Some(initial) => Some(initial.into_tensor()),
            None if n_preserved > 0 => {
                Some(Tensor::from_data(TensorData::new(current, [n_preserved, vocab_size]), &device))
            }
            None => None,
        };
        let scalar = |value: f64| Tensor::from_data([value as f32], &device);
        Loss { nll: scalar(nll), kl: scalar(kl), gradient: logits.into_tensor() }
    }
}

/// Replaces logits by `e^(logit − greatest)` and returns their sum.
fn exponentials(row: &mut [f32], greatest: f32) -> f32 {
    vectorised(
        #[inline(always)]
        || {
            row.iter_mut().for_each(|z| *z = exp(*z - greatest));
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
    fn the_host_judges_as_tensor_operations_do() {
        let device = Device::flex();
        // The device's own generator is shared with other tests.
        let logits = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let values: Vec<f32> = (0..5_000).map(|_| rng.random_range(-8.0..8.0)).collect();
            Tensor::<2>::from_data(TensorData::new(values, [5, 1_000]), &device)
        };
        let wanted = || Wanted::new(vec![7, 999, 0], 0.25, 0.5, 0.0625);
        let (mut host, mut tensors) = (wanted(), wanted());
        // At the first logits the divergence is zero, at the second it is not.
        for seed in [1, 2] {
            let logits = logits(seed);
            let ours = host.judge_on_host(logits.clone());
            let theirs = tensors.judge_on_device(logits);
            // Sums of a thousand terms in f32, in another order.
            let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-7);
            ours.gradient.into_data().assert_approx_eq(&theirs.gradient.into_data(), tolerance);
            ours.nll.into_data().assert_approx_eq(&theirs.nll.into_data(), tolerance);
            ours.kl.into_data().assert_approx_eq(&theirs.kl.into_data(), tolerance);
        }
    }
}
