//! A second moment and all that made it.

use rome_core::{Environment, ModelShape, SecondMoment};
use serde::{Deserialize, Serialize};

use crate::{Change, Shards, StatsError};

/// The second moment of one layer, with its provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The sum of outer products of keys.
    pub moment: SecondMoment,
    /// What made it.
    pub provenance: Provenance,
    /// What each doubling of the number of tokens changed, as far as it was watched.
    pub changes: Vec<Change>,
}

/// What made a second moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hash of the model. An npz names none.
    pub model_hash: Option<String>,
    /// The layer. An npz names none inside.
    pub layer: Option<usize>,
    /// A hash over all documents, in order.
    pub corpus_hash: Option<String>,
    /// How many documents were read.
    pub documents: u64,
    /// Where a document is cut, in tokens.
    pub max_tokens: Option<usize>,
    /// How documents became sequences.
    #[serde(default)]
    pub sequences: Sequences,
    /// The shards of the corpus that were summed, if not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The type of the products that were summed.
    pub dtype: String,
    /// The program that made it.
    pub made_by: String,
    /// What computed it, if all of it was computed by the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// How documents become the sequences that a model reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sequences {
    /// Each document is one, cut to the model's context, as the reference has it.
    #[default]
    Cut,
    /// Documents follow one another in sequences as long as the context, so that none of the text
    /// is lost.
    Packed {
        /// The token after each document, if any.
        separator: Option<u32>,
    },
}

/// How a sum is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Packing {
    /// All of it, in f64.
    #[default]
    Full,
    /// The upper triangle in f32: a quarter of the size, for files that are shipped.
    Compact,
}

impl Packing {
    /// The one that a user asks for by wanting a file as small as it can be, or not.
    pub fn compact(is_wanted: bool) -> Self {
        if is_wanted { Self::Compact } else { Self::Full }
    }
}

impl Statistics {
    /// Checks that the statistics are of this model and layer. What an npz does not say cannot be
    /// checked: [`is_verifiable`](Self::is_verifiable) tells.
    ///
    /// # Errors
    /// [`StatsError`] when the model, the layer or the size is another.
    pub fn check(&self, shape: &ModelShape, model_hash: &str, layer: usize) -> Result<(), StatsError> {
        if self.moment.d_ff() != shape.d_ff {
            return Err(StatsError::Size { found: self.moment.d_ff(), wanted: shape.d_ff });
        }
        match &self.provenance.model_hash {
            Some(made_with) if made_with != model_hash => {
                return Err(StatsError::OtherModel {
                    made_with: made_with.clone(),
                    model: model_hash.to_owned(),
                });
            }
            _ => {}
        }
        match self.provenance.layer {
            Some(found) if found != layer => Err(StatsError::OtherLayer { found, wanted: layer }),
            _ => Ok(()),
        }
    }

    /// Whether the file said which model and layer it belongs to.
    pub fn is_verifiable(&self) -> bool {
        self.provenance.model_hash.is_some() && self.provenance.layer.is_some()
    }
}
