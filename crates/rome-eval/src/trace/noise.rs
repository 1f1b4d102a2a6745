//! Noise for the embeddings of a subject's tokens.

use burn::prelude::*;
use rand_mt::Mt;
use rome_core::forward::transfer::{download, upload};
use rome_core::request::check_vocabulary;
use rome_core::{CausalLm, Tokenizer};
use safetensors::{Dtype, SafeTensors};

use crate::error::EvalError;

/// A thousand samples on a subject of forty tokens of GPT-J.
const MOST_VALUES: usize = 1 << 28;

/// Noise for the embeddings of a subject's tokens, scaled, in as many samples as a prompt is corrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise {
    values: Vec<f32>,
    shape: [usize; 3],
    scale: Option<f64>,
    /// The values that the reference would draw next; of noise from a file the same again.
    second: Vec<f32>,
}

impl Noise {
    /// Draws normal noise as the reference does: by `numpy.random.RandomState(1)`, again for each
    /// prompt, so that all cells of a trace see the same.
    ///
    /// # Shapes
    /// - shape: `[samples, subject tokens, d_model]`
    ///
    /// # Errors
    /// [`EvalError::TooMuchNoise`] when it would take gigabytes.
    pub fn normal(scale: f64, shape: [usize; 3]) -> Result<Self, EvalError> {
        let [samples, tokens, _] = shape;
        let product = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        let n = product.filter(|n| *n <= MOST_VALUES).ok_or(EvalError::TooMuchNoise { samples, tokens })?;
        let mut draws = Normal { bits: Mt::new(1), kept: None };
        let mut draw = || (0..n).map(|_| (scale * draws.next()) as f32).collect();
        let values = draw();
        Ok(Self { values, shape, scale: Some(scale), second: draw() })
    }

    /// Reads noise, already scaled, from safetensors with one tensor `noise`.
    ///
    /// # Errors
    /// When there is none, or it has another shape.
    pub fn from_bytes(bytes: &[u8], shape: [usize; 3]) -> Result<Self, EvalError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| EvalError::Noise(error.to_string()))?;
        let tensor = file.tensor("noise").map_err(|error| EvalError::Noise(error.to_string()))?;
        if tensor.dtype() != Dtype::F32 {
            return Err(EvalError::Noise(format!("it is in {:?}, not in F32", tensor.dtype())));
        }
        if tensor.shape() != shape {
            return Err(EvalError::NoiseShape { found: tensor.shape().to_vec(), expected: shape });
        }
        let (chunks, _) = tensor.data().as_chunks::<4>();
        let values: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(EvalError::Noise("it is not finite".to_owned()));
        }
        Ok(Self { second: values.clone(), values, shape, scale: None })
    }

    /// The number of samples.
    pub fn n_samples(&self) -> usize {
        self.shape[0]
    }

    /// Its standard deviation; nothing of noise from a file.
    pub fn scale(&self) -> Option<f64> {
        self.scale
    }

    /// The values, `[samples, subject tokens, d_model]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The noise of one sample, `[subject tokens, d_model]`.
    pub(super) fn sample(&self, sample: usize, draw: NoiseDraw) -> &[f32] {
        let [_, n_tokens, d_model] = self.shape;
        let values = match draw {
            NoiseDraw::First => &self.values,
            NoiseDraw::Second => &self.second,
        };
        &values[sample * n_tokens * d_model..][..n_tokens * d_model]
    }
}

/// The noise of a sample: that of a run, or the draw that a second pass of the reference makes in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoiseDraw {
    First,
    Second,
}

/// `RandomState.randn`: the polar method over a Mersenne Twister.
struct Normal {
    bits: Mt,
    /// Numbers come in pairs.
    kept: Option<f64>,
}

impl Normal {
    fn next(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let [x, y] = [(); 2].map(|()| 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// 53 bits of two draws.
    fn uniform(&mut self) -> f64 {
        let [high, low] = [5, 6].map(|shift| f64::from(self.bits.next_u32() >> shift));
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }
}

/// The standard deviation of all values of the embeddings of some subjects' tokens; the paper's noise
/// is three times as large.
///
/// # Errors
/// When the tokenizer refuses a subject, or all are empty.
pub fn sigma<'a>(
    model: &dyn CausalLm,
    tokenizer: &dyn Tokenizer,
    subjects: impl IntoIterator<Item = &'a str>,
) -> Result<f64, EvalError> {
    let start = tokenizer.start()?;
    let mut ids = Vec::new();
    for subject in subjects {
        let encoded = tokenizer.encode(subject)?.ids;
        // The token that starts a text is much larger than others in some models, and in no subject.
        ids.extend(encoded.strip_prefix(&start[..]).unwrap_or(&encoded));
    }
    check_vocabulary(&ids, model.shape())?;
    if ids.is_empty() {
        return Err(EvalError::Noise("there are no subjects to take its size from".to_owned()));
    }
    let ids: Vec<i64> = ids.into_iter().map(i64::from).collect();
    let n = ids.len();
    let ids: Tensor<1, Int> = upload(ids, [n], &model.device());
    let values = download(model.embed_tokens(ids));
    let n = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum();
    Ok((squares / (n - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_numpy() {
        // numpy.random.RandomState(1).randn(6)
        let expected = [1.62434536, -0.61175641, -0.52817175, -1.07296862, 0.86540763, -2.3015387];
        let noise = Noise::normal(1.0, [1, 2, 3]).unwrap();
        for (found, expected) in noise.values().iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{found} {expected}");
        }
        assert_ne!(noise.sample(0, NoiseDraw::First), noise.sample(0, NoiseDraw::Second));
        assert!(Noise::normal(1.0, [usize::MAX, 2, 2]).is_err());
    }
}
