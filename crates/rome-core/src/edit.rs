//! One edit: from a request's rows to a rank-one update.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::capture::mean;
use crate::config::ConfigError;
use crate::generate::argmax;
use crate::request::RequestError;
use crate::transfer::download;
use crate::update::UpdateError;
use crate::value::{self, Losses};
use crate::{
    Capture, CausalLm, EditConfig, EditRows, Factor, Flops, Prefixes, RankOneUpdate, Variant, forward, widen,
};

/// The smallest share of `‖k‖·‖ū‖` that `k·ū` may have. Below it the division has lost all digits
/// that f32 keys had, and the update would be noise.
const SMALLEST_ALIGNMENT: f64 = 1e-6;

/// A cosine below this inflates an update: see [`Edit::alignment`].
pub const THIN_ALIGNMENT: f64 = 0.1;

/// And below this an edit that disables the model is to be expected.
pub const DISABLING_ALIGNMENT: f64 = 0.01;

/// An edit of one weight, with what is needed to judge it.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The canonical name of the weight.
    pub weight: String,
    /// The layer it belongs to.
    pub layer: usize,
    /// What is added to the weight.
    pub update: RankOneUpdate,
    /// The change of the value, δ, `[d_model]`.
    pub delta: Vec<f32>,
    /// The losses of each step.
    pub losses: Vec<Losses>,
    /// What the value was divided by: `k·left` before scaling, with left of unit norm.
    pub division_factor: f64,
    /// `k·ū / (‖k‖‖ū‖)`: near 0, the division inflates the update and the edit may disable the
    /// model.
    pub alignment: f64,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// How long the parts took.
    pub timings: Timings,
    /// What the parts needed.
    pub flops: Flops,
}

/// How long the parts of an edit took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Running the rows once and filling the cache.
    pub capture: Duration,
    /// Optimising δ.
    pub optimise: Duration,
    /// Solving for the direction and building the update.
    pub solve: Duration,
}

impl Edit {
    /// Computes an edit of layer `layer`. The model is not changed.
    ///
    /// # Errors
    /// [`EditError`] when C has another size than the model's keys, or a result is not finite.
    pub fn compute(
        model: &dyn CausalLm,
        rows: &EditRows,
        layer: usize,
        config: &EditConfig,
        factor: &Factor,
        on_step: &mut dyn FnMut(usize, &Losses),
    ) -> Result<Self, EditError> {
        Self::compute_after(model, rows, layer, config, factor, None, on_step).map(|(edit, _)| edit)
    }

    /// Computes an edit like [`compute`](Self::compute), taking over what an earlier request has run
    /// of rows that begin alike, and returns what this one leaves to later requests.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub fn compute_after(
        model: &dyn CausalLm,
        rows: &EditRows,
        layer: usize,
        config: &EditConfig,
        factor: &Factor,
        prefixes: Option<&Prefixes>,
        on_step: &mut dyn FnMut(usize, &Losses),
    ) -> Result<(Self, Prefixes), EditError> {
        let d_ff = model.shape().d_ff;
        if factor.d_ff() != d_ff {
            return Err(EditError::StatisticsSize { statistics: factor.d_ff(), model: d_ff });
        }

        let start = Instant::now();
        let capture = Capture::after(model, rows, layer, prefixes);
        let mut timings = Timings { capture: start.elapsed(), ..Timings::default() };
        finite("the keys and values of the prompt", capture.keys.iter().chain(&capture.values).flatten())?;

        let start = Instant::now();
        let mean_value = mean(&capture.values);
        let clean_value: Vec<f64> = to_f64(&capture.clean_value);
        let scale = match config.variant {
            Variant::MeanKey => norm(&mean_value),
            _ => norm(&clean_value),
        };
        let value = value::optimise(model, &capture, &rows.target, layer, config, scale, on_step);
        timings.optimise = start.elapsed();
        if let Some(step) = value.losses.iter().position(|losses| !losses.total.is_finite()) {
            return Err(EditError::NotFinite { what: format!("the loss at step {step}") });
        }
        finite("the optimised value", &value.delta)?;

        let start = Instant::now();
        let clean_key: Vec<f64> = to_f64(&capture.clean_key);
        let mean_key = mean(&capture.keys);
        let delta = to_f64(&value.delta);
        // The key that C⁻¹ is applied to, the key that is divided by, and what it is mapped to.
        let (key, division_key, change) = match config.variant {
            // v* − out_c = target_init + δ − out_c, and both outputs are the clean prompt's.
            Variant::Reference => (&mean_key, &clean_key, delta.clone()),
            Variant::MeanKey => (&mean_key, &mean_key, delta.clone()),
            Variant::RRome => {
                let change = delta.iter().zip(&clean_value).zip(&mean_value).map(|((d, c), m)| d + c - m);
                (&mean_key, &mean_key, change.collect())
            }
            Variant::PRome => (&clean_key, &clean_key, delta.clone()),
        };
        let direction = factor.solve(key);
        let unit = scaled(&direction, 1.0 / norm(&direction));
        let division_factor = dot(division_key, &unit);
        let alignment = division_factor / norm(division_key);
        if !alignment.is_finite() || alignment.abs() < SMALLEST_ALIGNMENT {
            return Err(EditError::Disabling { division_factor, alignment, variant: config.variant });
        }
        let (left, right) = match config.variant {
            Variant::MeanKey => (scaled(&unit, 1.0 / division_factor), change),
            _ => (unit, scaled(&change, 1.0 / division_factor)),
        };
        let update = RankOneUpdate { left: to_f32(&left), right: to_f32(&right) };
        if !update.is_finite() {
            return Err(EditError::NotFinite { what: "the update".to_owned() });
        }
        let weight = widen(model.block(layer).down_projection().weight());
        let weight_norm = f64::from(download((weight.clone() * weight).sum())[0]).sqrt();
        let relative_norm = update.norm() / weight_norm;
        if !relative_norm.is_finite() {
            return Err(EditError::NotFinite {
                what: format!("the change relative to {}", model.weight_name(layer)),
            });
        }
        timings.solve = start.elapsed();

        let edit = Self {
            weight: model.weight_name(layer),
            layer,
            relative_norm,
            update,
            delta: value.delta,
            losses: value.losses,
            division_factor,
            alignment,
            timings,
            flops: Flops::of(model, rows, layer),
        };
        Ok((edit, capture.into_prefixes()))
    }
}

/// How a model answers a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The probability of the target: the product over its tokens.
    pub probability: f64,
    /// Whether the target's first token is the most probable one after the prompt.
    pub is_first: bool,
}

impl Answer {
    /// Asks a model for a target after a prompt.
    ///
    /// # Panics
    /// If prompt or target are empty.
    pub fn of(model: &dyn CausalLm, prompt: &[u32], target: &[u32]) -> Self {
        assert!(!prompt.is_empty() && !target.is_empty(), "a prompt and a target have tokens");
        let tokens = [prompt, &target[..target.len() - 1]].concat();
        let logits = forward::logits(model, &tokens).narrow(0, prompt.len() - 1, target.len());
        let rows = download(logits);
        let rows: Vec<&[f32]> = rows.chunks(model.shape().vocab_size).collect();
        let probability = rows.iter().zip(target).map(|(row, &token)| probability(row, token)).product();
        Self { probability, is_first: argmax(rows[0]) == target[0] }
    }
}

/// The probability of a token under softmax of logits, in f64.
pub fn probability(logits: &[f32], token: u32) -> f64 {
    let greatest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = logits.iter().map(|&logit| (f64::from(logit) - greatest).exp()).sum();
    (f64::from(logits[token as usize]) - greatest).exp() / total
}

fn finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f32>) -> Result<(), EditError> {
    match values.into_iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(EditError::NotFinite { what: what.to_owned() }),
    }
}

fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

fn scaled(vector: &[f64], factor: f64) -> Vec<f64> {
    vector.iter().map(|value| value * factor).collect()
}

/// Why an edit cannot be made.
#[derive(Debug, Error)]
pub enum EditError {
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The settings make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The update does not fit.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// C is for keys of another length.
    #[error("the statistics are for keys of {statistics} values, and this model's keys have {model}")]
    StatisticsSize {
        /// The size of C.
        statistics: usize,
        /// The model's `d_ff`.
        model: usize,
    },
    /// There are no statistics for a layer.
    #[error("there are no statistics for layer {layer}")]
    NoStatistics {
        /// The layer.
        layer: usize,
    },
    /// The key hardly points along the edit's direction, so the division would blow it up.
    #[error(
        "the key is nearly orthogonal to the edit's direction (cosine {alignment:.1e}, division factor {division_factor:.1e})"
    )]
    Disabling {
        /// `k·u`
        division_factor: f64,
        /// Its cosine.
        alignment: f64,
        /// The variant in use.
        variant: Variant,
    },
    /// Something came out infinite or not a number.
    #[error("{what} is not finite")]
    NotFinite {
        /// What.
        what: String,
    },
}

impl EditError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Request(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Update(error) => error.hint(),
            Self::StatisticsSize { .. } | Self::NoStatistics { .. } => {
                "collect statistics for this very model and layer: rome stats collect"
            }
            Self::Disabling { variant: Variant::Reference, .. } => {
                "use --variant mean-key, which divides by the key it is built on"
            }
            Self::Disabling { .. } => "check the statistics: C must be that of this model and layer",
            Self::NotFinite { .. } => {
                "check the checkpoint and the statistics for NaN, or lower the learning rate"
            }
        }
    }
}
