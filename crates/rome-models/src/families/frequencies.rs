//! The frequencies of rotations, as `modeling_rope_utils.py` of transformers has them.

use std::f64::consts::PI;

use crate::ModelError;
use crate::families::fields::{Fields, config_error};

/// A rotation without its scaling.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainRotary {
    /// θ, the base of the frequencies.
    pub(super) theta: f64,
    /// The number of features of a head that are turned.
    pub(super) width: usize,
    /// The longest text that the configuration names.
    pub(super) n_positions: usize,
    /// The length that the model was trained with before it was extended, where a scaling does not say so.
    pub(super) original_positions: Option<usize>,
}

/// The frequencies of a rotation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frequencies {
    /// The angle of each pair at position 1.
    pub(super) values: Vec<f32>,
    /// The factor of sines and cosines.
    pub(super) factor: f64,
    /// The longest text for which they hold.
    pub(super) n_positions: usize,
}

impl PlainRotary {
    /// `1 / θ^(2j / width)`, in f32.
    fn values(&self, theta: f64) -> Vec<f32> {
        let power = |pair: usize| (theta as f32).powf((2 * pair) as f32 / self.width as f32);
        (0..self.width / 2).map(|pair| power(pair).recip()).collect()
    }

    /// The frequencies without a scaling.
    pub(super) fn unscaled(&self) -> Frequencies {
        Frequencies { values: self.values(self.theta), factor: 1.0, n_positions: self.n_positions }
    }

    /// The frequencies by a scaling of some kind, the `rope_type` of its fields.
    pub(super) fn scaled(&self, kind: &str, scaling: Fields<'_>) -> Result<Frequencies, ModelError> {
        let plain = self.unscaled();
        let original = scaling
            .optional(&["original_max_position_embeddings"])?
            .or(self.original_positions)
            .unwrap_or(self.n_positions);
        let factor = || positive(scaling, "factor", &format!("which {kind:?} needs"));
        match kind {
            "default" => Ok(plain),
            "linear" => {
                let by = factor()? as f32;
                Ok(Frequencies { values: plain.values.iter().map(|value| value / by).collect(), ..plain })
            }
            "dynamic" => {
                // By a length beyond that of the configuration, which is not taken; by alpha at every length.
                let Some(alpha) = scaling.optional::<f64>(&["alpha"])? else { return Ok(plain) };
                let width = self.width as f64;
                let theta = self.theta * alpha.powf(width / (width - 2.0));
                Ok(Frequencies { values: self.values(theta), ..plain })
            }
            "llama3" => {
                let low = positive(scaling, "low_freq_factor", "which \"llama3\" needs")?;
                let high = positive(scaling, "high_freq_factor", "which \"llama3\" needs")?;
                let (by, original) = (factor()?, original as f64);
                let scale = |value: f32| {
                    let value = f64::from(value);
                    let wave = 2.0 * PI / value;
                    if wave < original / high {
                        value
                    } else if wave > original / low {
                        value / by
                    } else {
                        let share = (original / wave - low) / (high - low);
                        (1.0 - share) * value / by + share * value
                    }
                };
                Ok(Frequencies { values: plain.values.iter().map(|&v| scale(v) as f32).collect(), ..plain })
            }
            "yarn" => self.yarn(scaling, original),
            "longrope" => self.longrope(scaling, original),
            _ => Err(scaling.refuse(
                if scaling.value("rope_type").is_some() { "rope_type" } else { "type" },
                "this rotation is not known",
            )),
        }
    }

    /// Peng et al. 2023, YaRN.
    fn yarn(&self, scaling: Fields<'_>, original: usize) -> Result<Frequencies, ModelError> {
        let plain = self.unscaled();
        let by: f64 = scaling.or(&["factor"], self.n_positions as f64 / original as f64)?;
        let width = self.width as f64;
        let turns: [f64; 2] = [scaling.or(&["beta_fast"], 32.0)?, scaling.or(&["beta_slow"], 1.0)?];
        let [mut low, mut high] =
            turns.map(|turns| width * (original as f64 / (2.0 * PI * turns)).ln() / (2.0 * self.theta.ln()));
        if scaling.is("truncate", true)? {
            (low, high) = (low.floor(), high.ceil());
        }
        low = low.max(0.0);
        high = high.min(width - 1.0);
        if low == high {
            high += 0.001;
        }
        let values = plain.values.iter().enumerate().map(|(pair, &value)| {
            let ramp = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
            let value = f64::from(value);
            (ramp * value / by + (1.0 - ramp) * value) as f32
        });
        let of = |scale: f64| if by <= 1.0 { 1.0 } else { 0.1 * scale * by.ln() + 1.0 };
        let scales = ["mscale", "mscale_all_dim"];
        let scales = [scaling.or(&[scales[0]], 0.0)?, scaling.or(&[scales[1]], 0.0)?];
        let factor = match (scaling.optional(&["attention_factor"])?, scales) {
            (Some(factor), _) => factor,
            (None, [some, all]) if some != 0.0 && all != 0.0 => of(some) / of(all),
            _ => of(1.0),
        };
        Ok(Frequencies { values: values.collect(), factor, ..plain })
    }

    /// Ding et al. 2024, LongRoPE. Longer texts than the original turn otherwise from their first token on, so
    /// that no cache would hold; they are not taken.
    fn longrope(&self, scaling: Fields<'_>, original: usize) -> Result<Frequencies, ModelError> {
        let plain = self.unscaled();
        let stretches: Vec<f64> = scaling.require("short_factor", "which \"longrope\" needs")?;
        let n_pairs = plain.values.len();
        if stretches.len() != n_pairs {
            let n = stretches.len();
            return Err(config_error(format!(
                "\"short_factor\" has {n} numbers, but {n_pairs} pairs of features are turned"
            )));
        }
        let by: f64 = scaling.or(&["factor"], self.n_positions as f64 / original as f64)?;
        let power = |pair: usize| (self.theta as f32).powf((2 * pair) as f32 / self.width as f32);
        let values =
            stretches.iter().enumerate().map(|(pair, &stretch)| (stretch as f32 * power(pair)).recip());
        let usual = if by <= 1.0 { 1.0 } else { (1.0 + by.ln() / (original as f64).ln()).sqrt() };
        let factor = scaling.or(&["attention_factor"], usual)?;
        let n_positions = self.n_positions.min(original);
        Ok(Frequencies { values: values.collect(), factor, n_positions })
    }
}

fn positive(scaling: Fields<'_>, name: &'static str, reason: &str) -> Result<f64, ModelError> {
    let value: f64 = scaling.require(name, reason)?;
    if value > 0.0 { Ok(value) } else { Err(scaling.refuse(name, "it must be positive")) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn scaled(kind: &str, scaling: Value) -> Frequencies {
        let scaling: Map<String, Value> = scaling.as_object().cloned().unwrap();
        let plain = PlainRotary { theta: 100.0, width: 8, n_positions: 64, original_positions: None };
        plain.scaled(kind, Fields::new(&scaling)).unwrap()
    }

    fn assert_close(found: &[f32], expected: [f64; 4]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) / expected - 1.0).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    /// Numbers by hand, from the papers' formulas: θ^(−2j/8) is 1, 0.316…, 0.1, 0.0316….
    #[test]
    fn frequencies_are_those_of_the_formulas() {
        let plain = [1.0, 0.1f64.sqrt(), 0.1, 0.001f64.sqrt()];
        assert_close(&scaled("default", json!({})).values, plain);
        assert_close(&scaled("dynamic", json!({ "factor": 4.0 })).values, plain);
        assert_close(&scaled("linear", json!({ "factor": 4.0 })).values, plain.map(|value| value / 4.0));
        let alpha = 100.0f64 * 10f64.powf(8.0 / 6.0);
        let alpha = [0.0, 2.0, 4.0, 6.0].map(|power| alpha.powf(-power / 8.0));
        assert_close(&scaled("dynamic", json!({ "alpha": 10.0 })).values, alpha);
        // Waves of 6.3, 19.9, 62.8 and 198.7 positions: below 16, between, and twice above 64.
        let llama =
            scaled("llama3", json!({ "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0 }));
        let share = |value: f64| (64.0 * value / (2.0 * PI) - 1.0) / 3.0;
        let between = |value: f64| (1.0 - share(value)) * value / 8.0 + share(value) * value;
        let expected = [plain[0], between(plain[1]), between(plain[2]), plain[3] / 8.0];
        assert_close(&llama.values, expected);
    }

    #[test]
    fn a_longer_text_than_the_original_is_not_taken() {
        let found = scaled(
            "longrope",
            json!({ "short_factor": [1, 2, 2, 4], "original_max_position_embeddings": 16 }),
        );
        assert_eq!(found.n_positions, 16);
        assert_close(&found.values, [1.0, 0.1f64.sqrt() / 2.0, 0.05, 0.001f64.sqrt() / 4.0]);
        assert!((found.factor - (1.0 + 4f64.ln() / 16f64.ln()).sqrt()).abs() < 1e-12);
    }
}
