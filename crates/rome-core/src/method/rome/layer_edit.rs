//! The edit of one layer by one request: capture, optimise, solve.

use std::time::Instant;

use super::config::RomeConfig;
use crate::edit::{RankOneUpdate, WeightUpdate};
use crate::math::to_f32;
use crate::method::editable_model::weight_norm;
use crate::method::value::{Capture, Prefixes, Value, ValueOptimizer};
use crate::method::{Division, Edit, EditError, Flops, Losses, Timings};
use crate::model::CausalLm;
use crate::observer::Observer;
use crate::request::TokenizedRequest;
use crate::statistics::CholeskyFactor;

/// The inputs of the edit of a layer.
#[derive(Clone, Copy)]
pub struct LayerProblem<'a> {
    /// The model, which is not changed.
    pub model: &'a dyn CausalLm,
    /// The request, as rows of tokens.
    pub request: &'a TokenizedRequest,
    /// The layer.
    pub layer: usize,
    /// The settings.
    pub config: &'a RomeConfig,
    /// The factor of C.
    pub factor: &'a CholeskyFactor,
}

/// The edit of one layer by one request.
#[derive(Debug, Clone)]
pub struct LayerEdit {
    /// The canonical name of the weight.
    pub weight: String,
    /// The layer it belongs to.
    pub layer: usize,
    /// The change that is added to the weight.
    pub update: RankOneUpdate,
    /// The change of the value, δ, `[d_model]`.
    pub delta: Vec<f32>,
    /// The losses of each step.
    pub losses: Vec<Losses>,
    /// The division of the value.
    pub division: Division,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The time that each part took.
    pub timings: Timings,
    /// The operations that each part needed.
    pub flops: Flops,
}

impl LayerProblem<'_> {
    /// Computes the edit.
    ///
    /// # Errors
    /// [`EditError`] when C has another size than the model's keys, a result is not finite, or `observer`
    /// stops it.
    pub fn solve(&self, observer: &mut dyn Observer) -> Result<LayerEdit, EditError> {
        self.solve_after(None, observer).map(|(edit, _)| edit)
    }

    /// Computes the edit like [`solve`](Self::solve), taking over what an earlier request has run of rows
    /// that begin alike, and returns what this one leaves to later requests.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    pub fn solve_after(
        &self,
        prefixes: Option<&Prefixes>,
        observer: &mut dyn Observer,
    ) -> Result<(LayerEdit, Prefixes), EditError> {
        let &Self { model, request, layer, config, factor } = self;
        let d_ff = model.shape().d_ff;
        if factor.d_ff() != d_ff {
            return Err(EditError::StatisticsSize { statistics: factor.d_ff(), model: d_ff });
        }

        let start = Instant::now();
        let capture = Capture::after(model, request, layer, prefixes);
        let mut timings = Timings { capture: start.elapsed(), ..Timings::default() };
        let [captured] = capture.requests.as_slice() else { unreachable!("one request was captured") };
        finite("the keys and values of the prompt", captured.keys.iter().chain(&captured.values).flatten())?;

        let start = Instant::now();
        let scales = [config.variant.formula().scale(captured)];
        let settings = config.value_settings();
        let optimizer = ValueOptimizer { model, capture: &capture, layer, scales: &scales, settings };
        let value = optimizer.run(observer)?.remove(0);
        timings.optimise = start.elapsed();
        value.check()?;

        let start = Instant::now();
        let ([left, right], division) = config.variant.formula().update(captured, factor, &value.delta)?;
        let update = RankOneUpdate { left: to_f32(&left), right: to_f32(&right) };
        if !update.is_finite() {
            return Err(EditError::NotFinite { what: "the update".to_owned() });
        }
        let weight = model.weight_name(layer);
        let relative_norm = update.norm() / weight_norm(model, layer);
        if !relative_norm.is_finite() {
            return Err(EditError::NotFinite { what: format!("the change relative to {weight}") });
        }
        timings.solve = start.elapsed();

        let Value { delta, losses } = value;
        let flops = Flops::of(model, request, layer);
        let edit =
            LayerEdit { weight, layer, update, delta, losses, division, relative_norm, timings, flops };
        Ok((edit, capture.into_prefixes()))
    }
}

impl From<LayerEdit> for Edit {
    fn from(edit: LayerEdit) -> Self {
        let LayerEdit { weight, layer, update, losses, division, relative_norm, timings, flops, .. } = edit;
        Self {
            losses,
            division: Some(division),
            timings,
            flops,
            ..Self::new(weight, layer, WeightUpdate::from(update), relative_norm)
        }
    }
}

fn finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f32>) -> Result<(), EditError> {
    if values.into_iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(EditError::NotFinite { what: what.to_owned() })
    }
}
