//! Why many facts cannot be edited at once.

use std::borrow::Cow;

use thiserror::Error;

use crate::error::{ErrorKind, Hint};
use crate::statistics::{LeastSquaresError, NullSpaceError, SolveError};

/// Why many facts cannot be edited at once.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MassError {
    /// There is no method of this name.
    #[error("{name:?} is no method for many facts")]
    Method {
        /// The name.
        name: String,
    },
    /// No layer is given.
    #[error("no layer to edit is given")]
    NoLayer,
    /// The model lacks a layer.
    #[error("layer {layer} does not exist: the model has layers 0 to {}", .n_layers - 1)]
    Layer {
        /// The layer asked for.
        layer: usize,
        /// The number of layers.
        n_layers: usize,
    },
    /// Layers do not ascend.
    #[error(
        "layer {layer} follows layer {before}: layers must ascend, since each reads what those below it have changed"
    )]
    LayerOrder {
        /// The layer.
        layer: usize,
        /// The one before it.
        before: usize,
    },
    /// A number is out of range.
    #[error("the {name} cannot be {value}")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A norm or a factor stands between the down projection and the residual stream.
    #[error(
        "layer {layer} of a {family} puts its MLP's output through a norm or a factor before it adds it: what is \
         missing at the block's output cannot be solved for at the down projection"
    )]
    PostNorm {
        /// The layer.
        layer: usize,
        /// The model's family.
        family: String,
    },
    /// The settings write next to nothing.
    #[error("at most {:.2} % of what the facts miss at layer {layer} would be written", 100.0 * .share)]
    WritesNothing {
        /// The layer.
        layer: usize,
        /// The greatest share of a fact.
        share: f64,
    },
    /// The values of requests are not there, or of another model.
    #[error(
        "there are values of {values} dimensions for {n_values} requests: {n_requests} of {d_model} are needed"
    )]
    Values {
        /// The number of values.
        n_values: usize,
        /// Their length.
        values: usize,
        /// The number of requests.
        n_requests: usize,
        /// The width of the model.
        d_model: usize,
    },
    /// The loss is to be taken at another layer than the last.
    #[error("v_loss_layer {layer} is not supported: the loss is read at the last layer, {last}")]
    LossLayer {
        /// The layer asked for.
        layer: usize,
        /// The last one.
        last: usize,
    },
    /// The settings are those of another method.
    #[error("the settings are those of {theirs}, not of {ours}")]
    OtherMethod {
        /// The method of the file.
        theirs: String,
        /// The method asked for.
        ours: String,
    },
    /// The settings file is for another architecture.
    #[error("the settings are for {named}, but this model's edited weight is {expected}")]
    Module {
        /// The weight that the file names.
        named: String,
        /// The weight of the model.
        expected: String,
    },
    /// The settings file asks for another token than the subject's last.
    #[error("fact_token {fact_token:?} is not supported: only \"subject_last\" is")]
    FactToken {
        /// The value in the file.
        fact_token: String,
    },
    /// The keys cannot be solved for.
    #[error("layer {layer}: {error}")]
    LeastSquares {
        /// The layer.
        layer: usize,
        /// Why not.
        error: LeastSquaresError,
    },
    /// There is no null space.
    #[error("layer {layer}: {error}")]
    NullSpace {
        /// The layer.
        layer: usize,
        /// Why not.
        error: NullSpaceError,
    },
    /// C cannot be solved with.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

impl Hint for MassError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::LeastSquares { error, .. } => error.kind(),
            Self::NullSpace { error, .. } => error.kind(),
            Self::Solve(error) => error.kind(),
            Self::Values { .. } => ErrorKind::OtherModel,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::LeastSquares { error, .. } => return error.hint(),
            Self::NullSpace { error, .. } => return error.hint(),
            Self::Solve(error) => return error.hint(),
            Self::Method { .. } => "give memit, memit-seq, alphaedit or emmet",
            Self::NoLayer | Self::Layer { .. } => "choose layers of the model, counted from 0",
            Self::LayerOrder { .. } => "name the layers from the lowest to the highest, each once",
            Self::Range { .. } => "use a finite number above 0, and at least one step",
            Self::PostNorm { .. } => "edit this model by rome, one fact after the other",
            Self::WritesNothing { .. } => {
                "lower the weight of C: 0.9 to 3 times d_ff is published for GPT-J and GPT-2 XL"
            }
            Self::Values { .. } => "give values that were computed for these requests on this model",
            Self::LossLayer { .. } => "set v_loss_layer to the model's last layer, as published settings do",
            Self::OtherMethod { .. } => "name the method that the settings are for",
            Self::Module { .. } => "use the settings file of this model's family",
            Self::FactToken { .. } => "set \"fact_token\": \"subject_last\", as all published settings do",
        };
        hint.into()
    }
}
