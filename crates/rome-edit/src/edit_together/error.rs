//! Why facts cannot be edited together.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::{ErrorKind, Hint};
use thiserror::Error;

/// Why facts cannot be edited together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TogetherError {
    /// Two requests have the same prompt and different targets.
    #[error("requests {first} and {second} contradict each other: {prompt:?} cannot have two answers")]
    Contradiction {
        /// The number of the first one, from 1.
        first: usize,
        /// The number of the other.
        second: usize,
        /// Their prompt.
        prompt: String,
    },
    /// A file has no values.
    #[error("{} has no values of facts", .path.display())]
    NoValues {
        /// The file.
        path: PathBuf,
    },
    /// Values without requests are not as many as these.
    #[error("{} has {n_values} values for {n_requests} requests, and does not say whose they are", .path.display())]
    OtherValues {
        /// The file.
        path: PathBuf,
        /// The number of values.
        n_values: usize,
        /// The number of requests.
        n_requests: usize,
    },
    /// Values were computed otherwise.
    #[error("the values in {} were computed with other {what}", .path.display())]
    OtherSettings {
        /// The file.
        path: PathBuf,
        /// The input that is different.
        what: &'static str,
    },
    /// An unfinished run is there.
    #[error("{} holds what an interrupted run has left", .path.display())]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
    /// The run was interrupted; values were saved.
    #[error("interrupted after {n_values} of {n_requests} values, which are saved")]
    Interrupted {
        /// The number of values.
        n_values: usize,
        /// The number of requests.
        n_requests: usize,
    },
    /// A file is not of facts that were edited together.
    #[error("{} is not one set of facts that were edited together", .path.display())]
    NotASet {
        /// The file.
        path: PathBuf,
    },
    /// A set was made batch by batch.
    #[error("the facts of {} were edited in {n_batches} batches: the values of later ones depend on the earlier ones", .path.display())]
    Batches {
        /// The file.
        path: PathBuf,
        /// The number of batches.
        n_batches: usize,
    },
    /// A set has no fact of this number.
    #[error("there is no fact {number}: the set has {n_facts}, counted from 0")]
    NoSuchFact {
        /// The number asked for.
        number: usize,
        /// The number of facts.
        n_facts: usize,
    },
    /// Nothing is left of a set.
    #[error("no fact is left")]
    Empty,
    /// Batches need all values at once.
    #[error("values can be computed in shards only if they are of the untouched model, and batches are not")]
    ShardOfBatches,
}

impl Hint for TogetherError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::OtherSettings { .. } => ErrorKind::OtherModel,
            Self::NoSuchFact { .. } => ErrorKind::NotFound,
            Self::Interrupted { .. } => ErrorKind::Stopped,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::Contradiction { .. } => "keep one of them",
            Self::NoValues { .. } | Self::OtherValues { .. } => {
                "give a file of values of these very requests, or of a set that was edited with its values kept"
            }
            Self::OtherSettings { .. } => "compute them again, or edit with the settings that they were computed with",
            Self::Unfinished { .. } => "resume it, or remove the file",
            Self::Interrupted { .. } => "resume to go on from them",
            Self::NotASet { .. } => "give a file that a method for many facts has written",
            Self::Batches { .. } => "edit its facts at once, without batches",
            Self::NoSuchFact { .. } => "count the facts of the file from 0",
            Self::Empty => "leave one fact in, or take the file off the model",
            Self::ShardOfBatches => "leave the batches out, or compute the values on one machine",
        }
        .into()
    }
}
