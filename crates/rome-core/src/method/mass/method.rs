//! Many facts, edited at once, layer by layer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::climb::Climb;
use super::config::{MassConfig, MassMethod, Spread};
use super::error::MassError;
use super::target_values::TargetValues;
use crate::edit::{RankOneUpdate, WeightUpdate};
use crate::math::{norm, to_f32};
use crate::method::{Edit, EditError, EditMethod, EditableModel, MethodSettings, Solution, Version};
use crate::model::CausalLm;
use crate::observer::{Event, Observer, Progress, Unit};
use crate::request::TokenizedRequest;
use crate::statistics::{Adjustment, LeastSquares, Metric, NullSpace};

/// If no fact gets more than this of what it misses, next to nothing is written.
const LEAST_SHARE: f64 = 0.01;

/// MEMIT, MEMIT-seq, AlphaEdit or EMMET: all requests at once, spread over layers.
///
/// Each layer's update is one [`LeastSquares`] solution that brings the state of each fact at the last edited layer
/// nearer to its [value](TargetValues). Requests that are edited by one call are a batch; MEMIT-seq and AlphaEdit
/// spare the keys of batches before it, as long as they are on the model.
pub struct MassEdit {
    config: MassConfig,
    /// The sizes of the groups of contexts, whose mean keys weigh the same.
    groups: Vec<usize>,
    null_spaces: BTreeMap<usize, Arc<NullSpace>>,
    past: Option<Past>,
}

/// The keys of batches that are on the model, by layer.
struct Past {
    keys: BTreeMap<usize, Vec<Vec<f32>>>,
    /// The state of the weights that the last batch has left.
    version: Version,
}

impl MassEdit {
    /// Makes the method with these settings. The first context weighs as much as all others.
    pub fn new(config: MassConfig) -> Self {
        Self { config, groups: vec![1], null_spaces: BTreeMap::new(), past: None }
    }

    /// Groups the contexts by these sizes, in order; the mean keys of groups weigh the same.
    #[must_use]
    pub fn groups(mut self, sizes: Vec<usize>) -> Self {
        self.groups = sizes;
        self
    }

    /// Gives the null space of a layer, which is computed otherwise.
    pub fn set_null_space(&mut self, layer: usize, space: Arc<NullSpace>) {
        self.null_spaces.insert(layer, space);
    }

    /// The settings.
    pub fn config(&self) -> &MassConfig {
        &self.config
    }

    /// The null space of a layer, once it has been edited by AlphaEdit.
    pub fn null_space(&self, layer: usize) -> Option<&NullSpace> {
        self.null_spaces.get(&layer).map(Arc::as_ref)
    }

    /// Edits a model by requests whose values are known, `[n][d_model]`.
    ///
    /// # Errors
    /// As [`edit`](EditMethod::edit), or when the values are not those of the requests.
    pub fn edit_to(
        &mut self,
        model: &mut EditableModel<'_>,
        requests: &[TokenizedRequest],
        values: &[Vec<f32>],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        let d_model = model.model().shape().d_model;
        if values.len() != requests.len() || values.iter().any(|value| value.len() != d_model) {
            let (n_values, n_requests) = (values.len(), requests.len());
            let values = values.first().map_or(0, Vec::len);
            return Err(MassError::Values { n_values, values, n_requests, d_model }.into());
        }
        let (layers, Some(&last)) = (self.config.layers.clone(), self.config.layers.last()) else {
            return Err(MassError::NoLayer.into());
        };
        // Of batches that are still on the model.
        let on_model = self.past.as_ref().filter(|past| past.version == model.version(0..usize::MAX));
        let mut spared = on_model.map_or_else(BTreeMap::new, |past| past.keys.clone());
        let time = Instant::now();
        let mut climb = Climb::new(model.model(), requests, &self.groups);
        let mut capture_time = time.elapsed();
        let mut edits = Vec::with_capacity(layers.len());
        for (index, &layer) in layers.iter().enumerate() {
            let (done, total) = (index as u64, layers.len() as u64);
            observer.tell(Event::Progress(Progress { unit: Unit::Layers, done, total, detail: "" }))?;
            let time = Instant::now();
            let keys = climb.keys(model.model(), layer);
            let states = climb.states(model.model(), last);
            capture_time += time.elapsed();

            let time = Instant::now();
            let mut metric = self.metric(model, layer)?;
            metric.spare(spared.get(&layer).into_iter().flatten().cloned());
            let missing = missing(values, &states);
            let share = match self.config.spread {
                Spread::Linear => 1.0 / (layers.len() - index) as f32,
                Spread::Root => 1.0 / ((layers.len() - index) as f32).sqrt(),
            };
            let rights = missing.iter().map(|missing| missing.iter().map(|value| value * share).collect());
            let (update, adjustment) = self.solve(layer, &metric, &keys, rights.collect())?;
            let relative_norm = update.norm() / model.weight_norm(layer);
            if !relative_norm.is_finite() {
                let weight = model.model().weight_name(layer);
                return Err(EditError::NotFinite { what: format!("the change relative to {weight}") });
            }
            model.apply(layer, &update)?;
            if self.config.method.spares_past() {
                spared.entry(layer).or_default().extend(keys.iter().map(|key| to_f32(key)));
            }
            let mut edit = Edit::new(model.model().weight_name(layer), layer, update, relative_norm);
            let Adjustment { route, leverages, shares, .. } = adjustment;
            edit.solution = Some(Solution { route, leverages, shares, missing: mean_norm(&missing) });
            edit.timings.capture = std::mem::take(&mut capture_time);
            edit.timings.solve = time.elapsed();
            edits.push(edit);
        }
        if self.config.method.spares_past() {
            self.past = Some(Past { keys: spared, version: model.version(0..usize::MAX) });
        }
        Ok(edits)
    }

    /// The metric of a layer, without spared keys.
    fn metric(&mut self, model: &EditableModel<'_>, layer: usize) -> Result<Metric, EditError> {
        let factor = model.factor(layer)?;
        let MassConfig { method, covariance_weight, norm_weight, null_space, ridge, .. } = self.config;
        if method != MassMethod::AlphaEdit {
            return Ok(Metric::covariance(factor, covariance_weight, norm_weight).map_err(MassError::from)?);
        }
        let space = match self.null_spaces.get(&layer) {
            Some(space) => Arc::clone(space),
            None => {
                let space = NullSpace::new(&factor, null_space)
                    .map_err(|error| MassError::NullSpace { layer, error })?;
                Arc::clone(self.null_spaces.entry(layer).or_insert(Arc::new(space)))
            }
        };
        Ok(Metric::null_space(space, ridge))
    }

    /// Solves for the update of a layer that adds these right vectors at their keys.
    fn solve(
        &self,
        layer: usize,
        metric: &Metric,
        keys: &[Vec<f64>],
        rights: Vec<Vec<f32>>,
    ) -> Result<(WeightUpdate, Adjustment), EditError> {
        let slack = self.config.slack_of(keys.len());
        let adjustment = LeastSquares { metric, keys, slack }
            .solve()
            .map_err(|error| MassError::LeastSquares { layer, error })?;
        let greatest = adjustment.shares.iter().copied().fold(0.0, f64::max);
        if greatest < LEAST_SHARE {
            return Err(MassError::WritesNothing { layer, share: greatest }.into());
        }
        let terms = adjustment.lefts.iter().zip(rights);
        let terms = terms.map(|(left, right)| RankOneUpdate { left: to_f32(left), right });
        let update = WeightUpdate::LowRank(terms.collect());
        if !update.is_finite() {
            return Err(EditError::NotFinite { what: "the update".to_owned() });
        }
        Ok((update, adjustment))
    }
}

fn mean_norm(vectors: &[Vec<f32>]) -> f64 {
    vectors.iter().map(|vector| norm(vector)).sum::<f64>() / vectors.len().max(1) as f64
}

/// The differences of the values from the states.
fn missing(values: &[Vec<f32>], states: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let of_one =
        |(value, state): (&Vec<f32>, &Vec<f32>)| value.iter().zip(state).map(|(z, h)| z - h).collect();
    values.iter().zip(states).map(of_one).collect()
}

impl EditMethod for MassEdit {
    fn name(&self) -> &str {
        self.config.method.name()
    }

    fn settings(&self) -> MethodSettings {
        MethodSettings::Mass(self.config.clone())
    }

    fn layers(&self) -> &[usize] {
        &self.config.layers
    }

    fn check(&self, model: &dyn CausalLm) -> Result<(), EditError> {
        Ok(self.config.check(model)?)
    }

    fn edit(
        &mut self,
        model: &mut EditableModel<'_>,
        requests: &[TokenizedRequest],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        let time = Instant::now();
        let values = TargetValues { model: model.model(), config: &self.config, requests };
        let values = values.run(0..requests.len(), observer)?;
        let optimise_time = time.elapsed();
        let values: Vec<Vec<f32>> = values.into_iter().map(|value| value.value).collect();
        let mut edits = self.edit_to(model, requests, &values, observer)?;
        if let Some(first) = edits.first_mut() {
            first.timings.optimise = optimise_time;
        }
        Ok(edits)
    }
}
