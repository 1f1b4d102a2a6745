//! The losses of values at the logits, and their gradient (Meng et al. 2022, eq. 4).

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use burn::tensor::{IndexingUpdateOp, TensorData};

use crate::forward::host::{HostMatrix, exp, sum, vectorised};
use crate::forward::transfer::upload;
use crate::forward::{indices, token_ids};

/// The losses of one batch at its logits: first the targets' tokens, then, at the KL prompts, what was predicted
/// before.
pub(super) struct LossFunction {
    /// The token to predict at each of the first rows.
    targets: Vec<TargetRead>,
    /// The KL prompts, at the rows after these.
    kl_reads: Vec<KlRead>,
    /// The number of requests.
    n_requests: usize,
    kl_factor: f64,
    /// The same on a device that has memory of its own, once it is there.
    on_device: Option<DeviceReads>,
    /// The log-probabilities at the KL prompts at δ = 0, once known.
    initial: Option<Tensor<2>>,
}

/// A position that predicts a token of a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct TargetRead {
    /// The number of its request.
    pub(super) owner: usize,
    /// The token.
    pub(super) token: u32,
    /// Its weight in the negative log-likelihood.
    pub(super) share: f64,
    /// True if it counts among those that are to be the most probable.
    pub(super) is_counted: bool,
}

/// A position whose prediction is to stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct KlRead {
    /// The number of its request.
    pub(super) owner: usize,
    /// Its weight in the KL term.
    pub(super) share: f64,
}

/// The positions that are read, as tensors.
#[derive(Clone)]
struct DeviceReads {
    /// `[n_targets, 1]`
    tokens: Tensor<2, Int>,
    /// The shares of targets, `[n_targets, 1]`.
    target_shares: Tensor<2>,
    /// The same in a row for each request, zero for those of others, `[n_requests, n_targets]`.
    target_sums: Tensor<2>,
    /// 1 for those that are counted, in the row of their request, `[n_requests, n_targets]`.
    counted: Tensor<2>,
    /// The shares of KL prompts, `[n_kl_reads, 1]` and `[n_requests, n_kl_reads]`, if there are any.
    kl_shares: Option<[Tensor<2>; 2]>,
}

/// The losses at some logits, of each request.
pub(super) struct Loss {
    /// The negative log-likelihood of the targets, `[n_requests]`.
    pub(super) nll: Tensor<1>,
    /// KL(current ‖ initial), without its factor, `[n_requests]`.
    pub(super) kl: Tensor<1>,
    /// The number of counted tokens of targets that are not the most probable, `[n_requests]`.
    pub(super) n_missed: Tensor<1>,
    /// The gradient of `nll + kl_factor kl` in the logits, `[n_reads, vocab_size]`.
    pub(super) gradient: Tensor<2>,
}

impl LossFunction {
    pub(super) fn new(
        targets: Vec<TargetRead>,
        kl_reads: Vec<KlRead>,
        n_requests: usize,
        kl_factor: f64,
    ) -> Self {
        Self { targets, kl_reads, n_requests, kl_factor, on_device: None, initial: None }
    }

    /// The function of some requests alone, which get the numbers that `owners` gives them.
    pub(super) fn keep(&self, owners: &[Option<usize>]) -> Self {
        let target = |read: &TargetRead| Some(TargetRead { owner: owners[read.owner]?, ..*read });
        let kl_read = |read: &KlRead| Some(KlRead { owner: owners[read.owner]?, ..*read });
        let kept = (0..self.kl_reads.len()).filter(|&row| owners[self.kl_reads[row].owner].is_some());
        let initial = |initial: &Tensor<2>| {
            let kept: Vec<usize> = kept.collect();
            (!kept.is_empty()).then(|| initial.clone().select(0, indices(kept, &initial.device())))
        };
        Self {
            targets: self.targets.iter().filter_map(target).collect(),
            kl_reads: self.kl_reads.iter().filter_map(kl_read).collect(),
            n_requests: owners.iter().flatten().count(),
            kl_factor: self.kl_factor,
            on_device: None,
            initial: self.initial.as_ref().and_then(initial),
        }
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

    fn device_reads(&mut self, device: &Device) -> DeviceReads {
        let Self { targets, kl_reads, n_requests, .. } = self;
        let reads = || DeviceReads {
            tokens: token_ids(targets.iter().map(|read| read.token), device).reshape([targets.len(), 1]),
            target_shares: column(targets.iter().map(|read| read.share), device),
            target_sums: sums(*n_requests, targets.iter().map(|read| (read.owner, read.share)), device),
            counted: {
                let counted = |read: &TargetRead| (read.owner, f64::from(u8::from(read.is_counted)));
                sums(*n_requests, targets.iter().map(counted), device)
            },
            kl_shares: (!kl_reads.is_empty()).then(|| {
                let of_requests = kl_reads.iter().map(|read| (read.owner, read.share));
                [
                    column(kl_reads.iter().map(|read| read.share), device),
                    sums(*n_requests, of_requests, device),
                ]
            }),
        };
        self.on_device.get_or_insert_with(reads).clone()
    }

    fn evaluate_on_device(&mut self, logits: Tensor<2>) -> Loss {
        let (n_targets, n_requests, device) = (self.targets.len(), self.n_requests, logits.device());
        let [n_reads, _] = logits.dims();
        let reads = self.device_reads(&device);

        let log_probs = log_softmax(logits, 1);
        let probs = log_probs.clone().exp();
        let at_targets = log_probs.clone().narrow(0, 0, n_targets).gather(1, reads.tokens.clone());
        let most = log_probs.clone().narrow(0, 0, n_targets).max_dim(1);
        let is_missed = at_targets.clone().lower(most).float();
        let n_missed = reads.counted.matmul(is_missed).reshape([n_requests]);
        let nll = reads.target_sums.matmul(at_targets).neg().reshape([n_requests]);
        let gradient = (probs.clone().narrow(0, 0, n_targets) * reads.target_shares.clone()).scatter(
            1,
            reads.tokens,
            reads.target_shares.neg(),
            IndexingUpdateOp::Add,
        );
        let Some([kl_shares, kl_sums]) = reads.kl_shares else {
            return Loss { nll, kl: Tensor::zeros([n_requests], &device), n_missed, gradient };
        };
        let kl_rows = |rows: Tensor<2>| rows.narrow(0, n_targets, n_reads - n_targets);
        let (current, probs) = (kl_rows(log_probs), kl_rows(probs));
        let ratios = current.clone() - self.initial.get_or_insert(current).clone();
        let divergences = (probs.clone() * ratios.clone()).sum_dim(1);
        // d/dz of Σ p (log p − log p₀), where p is softmax of z.
        let slope = probs * (ratios - divergences.clone()) * (kl_shares * self.kl_factor);
        let kl = kl_sums.matmul(divergences).reshape([n_requests]);
        Loss { nll, kl, n_missed, gradient: Tensor::cat(vec![gradient, slope], 0) }
    }

    /// The same row by row, turning the logits into their gradient in place.
    fn evaluate_on_host(&mut self, logits: Tensor<2>) -> Loss {
        let device = logits.device();
        let [n_reads, vocab_size] = logits.dims();
        let mut logits = HostMatrix::new(logits);
        let n_kl_rows = n_reads - self.targets.len();
        assert_eq!(n_kl_rows, self.kl_reads.len(), "a row of logits for each read");
        let mut current = Vec::with_capacity(n_kl_rows * vocab_size);
        let initial = self.initial.take().map(HostMatrix::new);
        let (mut nll, mut kl) = (vec![0.0; self.n_requests], vec![0.0; self.n_requests]);
        let mut n_missed = vec![0.0; self.n_requests];

        for (index, row) in logits.rows_mut().enumerate() {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            match self.targets.get(index) {
                Some(&TargetRead { owner, token, share, is_counted }) => {
                    let of_target = row[token as usize] - max;
                    n_missed[owner] += f64::from(u8::from(is_counted && of_target < 0.0));
                    let total = exponentials(row, max);
                    nll[owner] += f64::from(total.ln() - of_target) * share;
                    let scale = share as f32 / total;
                    row.iter_mut().for_each(|p| *p *= scale);
                    row[token as usize] -= share as f32;
                }
                None => {
                    let KlRead { owner, share } = self.kl_reads[index - self.targets.len()];
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
                    let scale = (self.kl_factor * share) as f32 / total;
                    kl[owner] += share * f64::from(diverge(row, log_probs, initial, total.recip(), scale));
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
        let of_requests = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_data(TensorData::new(values, [self.n_requests]), &device)
        };
        Loss {
            nll: of_requests(nll),
            kl: of_requests(kl),
            n_missed: of_requests(n_missed),
            gradient: logits.into_tensor(),
        }
    }
}

/// Values as a column, `[n, 1]`.
fn column(values: impl Iterator<Item = f64>, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = values.map(|value| value as f32).collect();
    let shape = [values.len(), 1];
    upload(values, shape, device)
}

/// The shares of reads in the rows of their requests, `[n_requests, n_reads]`.
fn sums(n_requests: usize, reads: impl ExactSizeIterator<Item = (usize, f64)>, device: &Device) -> Tensor<2> {
    let n_reads = reads.len();
    let mut values = vec![0.0f32; n_requests * n_reads];
    for (index, (owner, share)) in reads.enumerate() {
        values[owner * n_reads + index] = share as f32;
    }
    upload(values, [n_requests, n_reads], device)
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
        // Two requests, the first with two tokens to predict.
        let target = |owner, token, share| TargetRead { owner, token, share, is_counted: token != 0 };
        let targets = vec![target(0, 7, 0.25), target(1, 999, 0.5), target(0, 0, 0.25)];
        let kl_reads = vec![KlRead { owner: 1, share: 1.0 }, KlRead { owner: 0, share: 0.5 }];
        let function = || LossFunction::new(targets.clone(), kl_reads.clone(), 2, 0.0625);
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
            ours.n_missed.into_data().assert_eq(&theirs.n_missed.into_data(), true);
        }
    }
}
