//! A second moment with its provenance.

use rome_core::{Convergence, ModelHash, ModelShape, SecondMoment};

use crate::error::StatsError;
use crate::provenance::Provenance;

/// The second moment of one layer, with its provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The sum of outer products of keys.
    pub moment: SecondMoment,
    /// The provenance of the sum.
    pub provenance: Provenance,
    /// The change by each doubling of the number of tokens, as far as it was recorded.
    pub convergence: Vec<Convergence>,
}

impl Statistics {
    /// Checks that the statistics are of this model and layer. An npz does not say all of it, and the rest
    /// cannot be checked: [`is_verifiable`](Self::is_verifiable) tells.
    ///
    /// # Errors
    /// [`StatsError`] when the model, the layer or the size is another.
    pub fn check(&self, shape: &ModelShape, model_hash: &ModelHash, layer: usize) -> Result<(), StatsError> {
        if self.moment.d_ff() != shape.d_ff {
            return Err(StatsError::Size { found: self.moment.d_ff(), wanted: shape.d_ff });
        }
        match &self.provenance.model_hash {
            Some(made_with) if made_with != model_hash => {
                return Err(StatsError::OtherModel {
                    made_with: made_with.clone(),
                    model: model_hash.clone(),
                });
            }
            _ => {}
        }
        match self.provenance.layer {
            Some(found) if found != layer => Err(StatsError::OtherLayer { found, wanted: layer }),
            _ => Ok(()),
        }
    }

    /// True if the file said which model and layer it belongs to.
    pub fn is_verifiable(&self) -> bool {
        self.provenance.model_hash.is_some() && self.provenance.layer.is_some()
    }
}
