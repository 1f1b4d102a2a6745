//! Chooses the next token.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The way to choose the next token.
#[derive(Debug)]
pub enum Decoding<'a> {
    /// The most probable token.
    Greedy,
    /// A draw from the `k` most probable tokens, by their renormalised probabilities.
    TopK {
        /// The number of tokens considered.
        k: usize,
        /// The source of randomness.
        rng: &'a mut ChaCha8Rng,
    },
}

impl Decoding<'_> {
    pub(super) fn choose(&mut self, logits: &[f32]) -> u32 {
        match self {
            Decoding::Greedy => argmax(logits),
            Decoding::TopK { k, rng } => {
                let top = top_k(logits, *k);
                let best = logits[top[0] as usize] as f64;
                let weights: Vec<f64> =
                    top.iter().map(|&token| (logits[token as usize] as f64 - best).exp()).collect();
                let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
                for (&token, weight) in top.iter().zip(&weights) {
                    left -= weight;
                    if left < 0.0 {
                        return token;
                    }
                }
                top[0]
            }
        }
    }
}

/// Returns the index of the greatest logit, the first one of equals.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    best as u32
}

/// Returns the indices of the `k` greatest logits, greatest first, lower index first among equals.
pub fn top_k(logits: &[f32], k: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let k = k.clamp(1, order.len());
    order.select_nth_unstable_by(k - 1, by_logit);
    order.truncate(k);
    order.sort_unstable_by(by_logit);
    order
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn top_k_orders_by_logit_then_index() {
        assert_eq!(top_k(&[0.0, 2.0, 1.0, 2.0, -1.0], 3), [1, 3, 2]);
        assert_eq!(top_k(&[1.0], 5), [0]);
    }

    #[test]
    fn top_k_draws_follow_the_probabilities() {
        let logits = [0.0, 1.0, 2.0, -9.0];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            counts[Decoding::TopK { k: 3, rng: &mut rng }.choose(&logits) as usize] += 1;
        }
        let total: f64 = logits[..3].iter().map(|x: &f32| (*x as f64).exp()).sum();
        for (logit, count) in logits[..3].iter().zip(counts) {
            // Four standard deviations of a binomial share over 20,000 draws are below 0.015.
            let expected = (*logit as f64).exp() / total;
            assert!((count as f64 / 20_000.0 - expected).abs() < 0.015);
        }
        assert_eq!(counts[3], 0);
    }
}
