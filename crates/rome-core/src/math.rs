//! Vectors in f64 and distributions over tokens.

use crate::forward::host::{self, vectorised};

/// The probability of a token under softmax of logits, in f64.
pub fn probability(logits: &[f32], token: u32) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = logits.iter().map(|&logit| (f64::from(logit) - max).exp()).sum();
    (f64::from(logits[token as usize]) - max).exp() / total
}

/// The logarithm of a token's probability, given the logits of all.
pub fn log_prob(logits: &[f32], token: u32) -> f64 {
    f64::from(logits[token as usize]) - log_sum_exp(logits)
}

/// The logarithm of the sum of the exponentials of logits, by vectors of f32.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let max = host::max(logits);
            let total = host::sum(logits, logits, |logit, _| host::exp(logit - max));
            f64::from(max) + f64::from(total).ln()
        },
    )
}

/// The logarithms of the probabilities of all tokens under softmax of logits, by a sum in f64.
pub fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|&logit| f64::from(logit - max).exp()).sum();
    let log_total = total.ln() + f64::from(max);
    logits.iter().map(|&logit| (f64::from(logit) - log_total) as f32).collect()
}

/// The scalar product of two vectors.
///
/// # Panics
/// If their lengths differ.
pub fn dot<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len(), "vectors of the same length");
    a.iter().zip(b).map(|(&a, &b)| a.into() * b.into()).sum()
}

/// The Euclidean length of a vector.
pub fn norm<T: Copy + Into<f64>>(vector: &[T]) -> f64 {
    dot(vector, vector).sqrt()
}

/// The cosine of two vectors; not a number if one of them is zero.
pub fn cosine<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> f64 {
    dot(a, b) / (norm(a) * norm(b))
}

/// A vector, each value multiplied.
pub fn scaled(vector: &[f64], factor: f64) -> Vec<f64> {
    vector.iter().map(|value| value * factor).collect()
}

/// The mean of vectors of equal length.
pub fn mean(vectors: &[Vec<f32>]) -> Vec<f64> {
    let mut mean = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (mean, value) in mean.iter_mut().zip(vector) {
            *mean += f64::from(*value) / vectors.len() as f64;
        }
    }
    mean
}

/// Values in f64.
pub fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Values in f32.
pub fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}
