//! One value of a setting.

use rome_core::{Rome, RomeConfig};

use super::candidate::Candidate;

/// ROME with one value of a setting.
#[derive(Debug, Clone)]
pub(crate) struct SweepPoint {
    /// The setting and the value, as in `layer-3`.
    pub(crate) name: String,
    /// The value, if it is a number.
    pub(crate) value: Option<f64>,
    /// All settings.
    pub(crate) config: RomeConfig,
    /// The number of contexts to take, if not all.
    pub(crate) n_contexts: Option<usize>,
}

impl SweepPoint {
    /// The method with these settings.
    pub(crate) fn candidate(&self) -> Candidate {
        let method = Box::new(Rome::new(self.config.clone()));
        Candidate { n_contexts: self.n_contexts, ..Candidate::new(&self.name, method) }
    }
}
