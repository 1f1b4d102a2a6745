//! An edit of one weight.

use std::time::Duration;

use super::{Flops, Losses};
use crate::edit::{EditEntry, Outcome, WeightUpdate};
use crate::request::{Request, TokenizedRequest};
use crate::statistics::Route;

/// A cosine below this inflates an update: see [`Division::cosine`].
pub const THIN_COSINE: f64 = 0.1;

/// And below this an edit that disables the model is to be expected.
pub const DISABLING_COSINE: f64 = 0.01;

/// An edit of one weight, with what is needed to judge it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Edit {
    /// The canonical name of the weight.
    pub weight: String,
    /// The layer it belongs to.
    pub layer: usize,
    /// The change that is added to the weight.
    pub update: WeightUpdate,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The losses of each step.
    pub losses: Vec<Losses>,
    /// The division of the update, if it was divided.
    pub division: Option<Division>,
    /// The solution of the update, if it is one for several requests.
    pub solution: Option<Solution>,
    /// The time that each part took.
    pub timings: Timings,
    /// The operations that each part needed.
    pub flops: Flops,
}

/// The division of an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Division {
    /// `k·left` before scaling, with left of unit norm.
    pub factor: f64,
    /// `k·ū / (‖k‖‖ū‖)`: near 0, the division inflates the update and the edit may disable the model.
    pub cosine: f64,
}

/// The solution of an update for several requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The system that was solved.
    pub route: Route,
    /// The leverage of each request's key: `kᵀ G k`.
    pub leverages: Vec<f64>,
    /// The share that each request gets of what it misses.
    pub shares: Vec<f64>,
    /// The mean norm of what is missing at the last edited layer, before this update.
    pub missing: f64,
}

/// The time that each part of an edit took.
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
    /// Describes an update that is all that is known of an edit.
    pub fn new(weight: String, layer: usize, update: WeightUpdate, relative_norm: f64) -> Self {
        Self {
            weight,
            layer,
            update,
            relative_norm,
            losses: Vec::new(),
            division: None,
            solution: None,
            timings: Timings::default(),
            flops: Flops::default(),
        }
    }

    /// Describes an edit of many facts as a file does, which lists these beside it.
    pub fn entry_of_many(&self) -> EditEntry {
        EditEntry {
            route: self.solution.as_ref().map(|solution| solution.route),
            ..EditEntry::imported(&self.weight, self.layer, self.relative_norm)
        }
    }

    /// Describes the edit as a file does.
    pub fn entry(
        &self,
        request: &Request,
        tokenized: &TokenizedRequest,
        outcome: Option<Outcome>,
    ) -> EditEntry {
        EditEntry {
            request: Some(request.clone()),
            weight: self.weight.clone(),
            layer: self.layer,
            weight_hash: None,
            lookup_idxs: tokenized.lookups(),
            losses: self.losses.iter().map(|losses| losses.to_array()).collect(),
            division_factor: self.division.map(|division| division.factor),
            cosine: self.division.map(|division| division.cosine),
            rank: None,
            route: None,
            relative_norm: self.relative_norm,
            scale: 1.0,
            outcome,
        }
    }
}
