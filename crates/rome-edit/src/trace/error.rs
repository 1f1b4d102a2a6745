//! Why a prompt or facts cannot be traced.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::{ErrorKind, Hint};
use rome_eval::EvalError;
use thiserror::Error;

/// Why an input of a trace makes no sense.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The name of the file to write ends in no form of a trace.
    #[error("{} cannot be the file of a trace", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// A text is not a noise level.
    #[error("{text:?} is not a noise level")]
    NoiseScale {
        /// The text.
        text: String,
    },
    /// A path is to be cut where MLPs or attention are restored.
    #[error("paths can be severed only where a state is restored")]
    CutWithoutState,
    /// The facts of a bundled model are to be traced in another model.
    #[error("{model:?} is not a bundled model, and brings no facts")]
    NotBundled {
        /// The model, as the user named it.
        model: String,
    },
    /// There are no facts to trace.
    #[error("{source_name} has no facts to trace")]
    NoFacts {
        /// The name of the file, or `bundled`.
        source_name: String,
    },
    /// The model answers no fact as expected.
    #[error("the model answers none of {n_facts} {} as expected", if *.n_facts == 1 { "fact" } else { "facts" })]
    UnknownFacts {
        /// The number of facts.
        n_facts: usize,
    },
    /// A fact makes no sense for the model.
    #[error("fact {known_id}: {error}")]
    Fact {
        /// Its number.
        known_id: u64,
        /// Why not.
        #[source]
        error: Box<EvalError>,
    },
    /// A folder has traces that were made another way.
    #[error("{} holds traces with other settings", .path.display())]
    OtherTraces {
        /// The file that says so.
        path: PathBuf,
    },
}

impl Hint for TraceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotBundled { .. } => ErrorKind::NotFound,
            Self::Fact { error, .. } => error.kind(),
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Form { .. } => "end the file's name in .json, .svg or .png",
            Self::NoiseScale { .. } => {
                "give a number above 0, or s3 for three standard deviations of subjects' embeddings"
            }
            Self::CutWithoutState => "restore states only, or sever no path",
            Self::NotBundled { .. } => "give a file such as known_1000.json",
            Self::NoFacts { .. } => "give a list of facts such as known_1000.json",
            Self::UnknownFacts { .. } => "give facts that the model knows",
            Self::Fact { error, .. } => return format!("{}, or keep going without it", error.hint()).into(),
            Self::OtherTraces { .. } => "give another folder, or the settings of that run",
        };
        hint.into()
    }
}
