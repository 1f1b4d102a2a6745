//! Why an edit cannot be made.

use std::borrow::Cow;

use thiserror::Error;

use super::mass::MassError;
use super::rome::ConfigError;
use crate::edit::UpdateError;
use crate::error::{ErrorKind, Hint};
use crate::observer::Stopped;
use crate::request::RequestError;

/// Why an edit cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EditError {
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The settings of ROME make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Many facts cannot be edited at once.
    #[error(transparent)]
    Mass(#[from] MassError),
    /// The update does not fit.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The model lacks a layer that a method changes.
    #[error("layer {layer} does not exist: the model has layers 0 to {}", .n_layers - 1)]
    Layer {
        /// The layer asked for.
        layer: usize,
        /// The number of layers.
        n_layers: usize,
    },
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
    /// The key is nearly orthogonal to the edit's direction, so the division would inflate it without bound.
    #[error(
        "the key is nearly orthogonal to the edit's direction (cosine {cosine:.1e}, division factor {division_factor:.1e})"
    )]
    Disabling {
        /// `k·u`
        division_factor: f64,
        /// Its cosine.
        cosine: f64,
        /// True if the key that is divided by is another one than the direction is made of, as in
        /// [`Variant::Reference`](super::rome::Variant::Reference).
        divides_by_another_key: bool,
    },
    /// A value is infinite or not a number.
    #[error("{what} is not finite")]
    NotFinite {
        /// The name of the value.
        what: String,
    },
    /// A method from elsewhere has failed.
    #[error(transparent)]
    Method(Box<dyn std::error::Error + Send + Sync>),
    /// An observer stopped it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Hint for EditError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Mass(error) => error.kind(),
            Self::Update(error) => error.kind(),
            Self::Layer { .. } | Self::Disabling { .. } | Self::Method(_) => ErrorKind::Invalid,
            Self::StatisticsSize { .. } => ErrorKind::OtherModel,
            Self::NoStatistics { .. } => ErrorKind::NoStatistics,
            Self::NotFinite { .. } => ErrorKind::NotFinite,
            Self::Stopped(_) => ErrorKind::Stopped,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Request(error) => return error.hint(),
            Self::Config(error) => return error.hint(),
            Self::Mass(error) => return error.hint(),
            Self::Update(error) => return error.hint(),
            Self::Layer { .. } => "choose layers of the model, counted from 0",
            Self::StatisticsSize { .. } | Self::NoStatistics { .. } => {
                "collect statistics for this very model and layer"
            }
            Self::Disabling { divides_by_another_key: true, .. } => {
                "use the variant mean-key, which divides by the key it is built on"
            }
            Self::Disabling { .. } => "check the statistics: C must be that of this model and layer",
            Self::NotFinite { .. } => {
                "check the checkpoint and the statistics for NaN, or lower the learning rate"
            }
            Self::Method(_) => "check the requirements of the method",
            Self::Stopped(_) => "run it again; saved results are kept",
        };
        hint.into()
    }
}
