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
    #[error("{} is no kind of file that a trace is written as", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// A text is no size of noise.
    #[error("{text:?} is no size of noise")]
    NoiseScale {
        /// The text.
        text: String,
    },
    /// A path is to be cut where MLPs or attention are restored.
    #[error("paths are cut where a state is restored")]
    CutWithoutState,
    /// The facts of a bundled model are to be traced in another model.
    #[error("{model:?} is no bundled model, so no facts come with it")]
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
        /// How many there are.
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
    #[error("{} is of traces that were made another way", .path.display())]
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
            Self::Form { .. } => "give a name that ends in .json, .svg or .png",
            Self::NoiseScale { .. } => {
                "give a number above 0, or s3 for three standard deviations of subjects' embeddings"
            }
            Self::CutWithoutState => "restore states alone, or cut no path",
            Self::NotBundled { .. } => "give a file such as known_1000.json",
            Self::NoFacts { .. } => "give a list of facts such as known_1000.json",
            Self::UnknownFacts { .. } => "give facts that it knows",
            Self::Fact { error, .. } => return format!("{}, or keep going without it", error.hint()).into(),
            Self::OtherTraces { .. } => "give another folder, or the settings of that run",
        };
        hint.into()
    }
}
