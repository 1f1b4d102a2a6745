//! A second moment that is watched while it is summed, so that it shows when the text is enough.

use burn::prelude::*;
use rome_core::forward::transfer::download;
use rome_core::math::{norm, to_f64};
use rome_core::statistics::NotFinite;
use rome_core::{CholeskyFactor, Convergence, SecondMoment};

/// Keys whose directions are watched: enough for a mean that does not jump.
const PROBES: usize = 16;

/// Below this many tokens for each dimension, C is hardly invertible, and nothing is compared.
const FIRST_TOKENS_PER_DIMENSION: u64 = 2;

/// A second moment that is watched while it is summed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WatchedMoment {
    pub(crate) moment: SecondMoment,
    pub(crate) watch: Watch,
}

/// Earlier states of a sum, to compare it with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch {
    /// The number of tokens at which C is looked at next.
    pub(crate) next: u64,
    /// `[PROBES, d_ff]`; empty before the first key.
    pub(crate) probes: Vec<f32>,
    /// The sum at half of that number.
    pub(crate) earlier: Option<Snapshot>,
    /// Of each doubling so far.
    pub(crate) convergence: Vec<Convergence>,
}

/// A second moment at some time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// The lower triangle of C, row by row, `[d_ff (d_ff + 1) / 2]`.
    pub(crate) lower: Vec<f32>,
    /// `C⁻¹k / ‖C⁻¹k‖` for each probe, `[PROBES, d_ff]`.
    pub(crate) directions: Vec<f64>,
}

impl WatchedMoment {
    pub(crate) fn new(d_ff: usize) -> Self {
        let next = FIRST_TOKENS_PER_DIMENSION * d_ff as u64;
        let watch = Watch { next, probes: Vec::new(), earlier: None, convergence: Vec::new() };
        Self { moment: SecondMoment::new(d_ff), watch }
    }

    /// True if what is watched is of the size of the sum, as a file should have it.
    pub(crate) fn is_sound(&self) -> bool {
        let d_ff = self.moment.d_ff();
        let n_probes = PROBES * d_ff;
        let Watch { probes, earlier, .. } = &self.watch;
        let fits = |Snapshot { lower, directions }: &Snapshot| {
            lower.len() == d_ff * (d_ff + 1) / 2 && directions.len() == n_probes && probes.len() == n_probes
        };
        [0, n_probes].contains(&probes.len()) && earlier.as_ref().is_none_or(fits)
    }

    /// Adds keys, `[n_tokens, d_ff]` each.
    pub(crate) fn add(&mut self, keys: Vec<Tensor<2>>) -> Result<(), NotFinite> {
        if self.watch.probes.is_empty()
            && let Some(keys) = keys.first()
        {
            self.watch.probes = probes(keys);
        }
        self.moment.add_keys(keys)?;
        if self.moment.count() >= self.watch.next {
            self.watch.compare(&self.moment);
        }
        Ok(())
    }
}

impl Watch {
    /// Compares a sum with what it was half as many tokens ago.
    fn compare(&mut self, moment: &SecondMoment) {
        self.next = 2 * moment.count();
        // Where C has no inverse, there is nothing to compare yet.
        let Some(now) = Snapshot::new(moment, &self.probes) else { return };
        if let Some(earlier) = &self.earlier {
            self.convergence.push(now.change_since(earlier, moment));
        }
        self.earlier = Some(now);
    }
}

impl Snapshot {
    fn new(moment: &SecondMoment, probes: &[f32]) -> Option<Self> {
        let d_ff = moment.d_ff();
        let factor = CholeskyFactor::new(moment).ok()?;
        let direction = |key: &[f32]| {
            let mut direction = factor.solve(&to_f64(key));
            let norm = norm(&direction);
            direction.iter_mut().for_each(|value| *value /= norm);
            direction
        };
        let count = moment.count() as f64;
        Some(Self {
            lower: moment.lower().map(|sum| (sum / count) as f32).collect(),
            directions: probes.chunks(d_ff).flat_map(direction).collect(),
        })
    }

    /// `moment` is what this is a snapshot of.
    fn change_since(&self, earlier: &Self, moment: &SecondMoment) -> Convergence {
        let d_ff = moment.d_ff();
        let (mut difference, mut total) = (0.0, 0.0);
        let mut cells = self.lower.iter().zip(&earlier.lower);
        for row in 0..d_ff {
            for (column, (now, earlier)) in (0..=row).zip(&mut cells) {
                // What is below the diagonal stands above it, too.
                let weight = if column == row { 1.0 } else { 2.0 };
                let (now, earlier) = (f64::from(*now), f64::from(*earlier));
                difference += weight * (now - earlier).powi(2);
                total += weight * now.powi(2);
            }
        }
        let pairs = self.directions.chunks(d_ff).zip(earlier.directions.chunks(d_ff));
        let distances = pairs.map(|(now, earlier)| {
            norm(&now.iter().zip(earlier).map(|(now, earlier)| now - earlier).collect::<Vec<_>>())
        });
        let n_probes = self.directions.len() / d_ff;
        Convergence {
            tokens: moment.count(),
            second_moment: (difference / total).sqrt() as f32,
            direction: (distances.sum::<f64>() / n_probes as f64) as f32,
        }
    }
}

/// Some keys of a batch, `[n_tokens, d_ff]`, spread over it.
fn probes(keys: &Tensor<2>) -> Vec<f32> {
    let n_tokens = keys.dims()[0];
    let indices: Vec<i64> = (0..PROBES).map(|probe| (probe * n_tokens / PROBES) as i64).collect();
    let indices = Tensor::from_ints(indices.as_slice(), &keys.device());
    download(keys.clone().select(0, indices))
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Keys of independent values, so that C tends to a multiple of the identity.
    fn keys(n_tokens: usize, seed: u64) -> Tensor<2> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..n_tokens * 8).map(|_| rng.next_u32() as i32 as f32 / 2e9).collect();
        Tensor::from_data(TensorData::new(values, [n_tokens, 8]), &Device::flex())
    }

    #[test]
    fn what_changes_falls_with_the_root_of_the_number_of_tokens() {
        let mut watched = WatchedMoment::new(8);
        for batch in 0..1 << 10 {
            watched.add(vec![keys(16, batch)]).unwrap();
        }
        let changes = &watched.watch.convergence;
        let tokens: Vec<u64> = changes.iter().map(|change| change.tokens).collect();
        assert_eq!(tokens, (5..=14).map(|power| 1 << power).collect::<Vec<_>>(), "one for each doubling");
        // Over nine doublings by 2^4.5, give or take what chance does to one sample.
        let (first, last) = (changes[0], changes[changes.len() - 1]);
        for (first, last) in [(first.second_moment, last.second_moment), (first.direction, last.direction)] {
            assert!((8.0..64.0).contains(&(first / last)), "{first} {last}");
        }
    }

    #[test]
    fn nothing_changes_where_the_same_keys_come_again() {
        let mut watched = WatchedMoment::new(8);
        for _ in 0..8 {
            watched.add(vec![keys(16, 1)]).unwrap();
        }
        let last = watched.watch.convergence.last().unwrap();
        assert!(last.second_moment < 1e-6 && last.direction < 1e-6, "{last:?}");
    }

    #[test]
    fn keys_that_span_too_little_are_not_compared() {
        let mut watched = WatchedMoment::new(8);
        for _ in 0..4 {
            watched.add(vec![keys(1, 1).repeat_dim(0, 16) * 0.0]).unwrap();
        }
        assert!(watched.watch.convergence.is_empty());
    }
}
