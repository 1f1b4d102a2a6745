//! Why an evaluation cannot be made.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::{ErrorKind, Hint};
use rome_eval::{Dataset, EvalError};
use thiserror::Error;

/// Why an evaluation or a search for settings cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// There are fewer records than are to be edited together.
    #[error("{n} records are to be edited together, and there are {n_there}")]
    TooFewRecords {
        /// The number asked for.
        n: usize,
        /// The number of records.
        n_there: usize,
    },
    /// Edits are on the model, of which results say nothing.
    #[error("the model already has edits")]
    Edited,
    /// A selection takes no record.
    #[error("there are no records to evaluate")]
    NoRecords,
    /// A model brings no records of a data set.
    #[error("there are no records of {} for the model {model:?}", .dataset.name())]
    NoBundledRecords {
        /// The data set.
        dataset: Dataset,
        /// The model, as the user named it.
        model: String,
    },
    /// A text names no setting with its values.
    #[error("unknown setting {text:?}")]
    Sweep {
        /// The text.
        text: String,
    },
    /// A candidate takes more contexts than the session has.
    #[error("{candidate} needs {n} contexts, but there are {n_there}")]
    TooFewContexts {
        /// The name of the candidate.
        candidate: String,
        /// The number that it takes.
        n: usize,
        /// The number of contexts there are.
        n_there: usize,
    },
    /// Two candidates differ and have one name.
    #[error("two methods have the name {name:?}")]
    SameName {
        /// The name.
        name: String,
    },
    /// A candidate's name is none for a folder.
    #[error("{name:?} is not a valid name for a folder")]
    FolderName {
        /// The name.
        name: String,
    },
    /// Several candidates are to be compared with one folder of results.
    #[error("several methods cannot be compared with one folder at once")]
    SeveralCandidates,
    /// The results to compare with are of other records.
    #[error("{} has none of the records to evaluate", .folder.display())]
    OtherRecords {
        /// The folder of these results.
        folder: PathBuf,
    },
    /// Two folders of results are of different records.
    #[error("the folders have no case in common")]
    NoCommonCase,
    /// Records of a data set have no prompts to generate text from.
    #[error("records of zsRE have no prompts to generate text from")]
    NothingToContinue,
    /// A record cannot be evaluated.
    #[error("{error}; {n_before} {} before it are in {}", cases(*.n_before), .folder.display())]
    Case {
        /// Why not.
        #[source]
        error: EvalError,
        /// The number of cases that were finished before.
        n_before: usize,
        /// The folder that has them.
        folder: PathBuf,
    },
    /// No record gives a score to choose by.
    #[error("no record has paraphrases and neighbours, so there is no score")]
    NoScore,
}

fn cases(n: usize) -> &'static str {
    if n == 1 { "case" } else { "cases" }
}

impl Hint for EvaluateError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Case { error, .. } => error.kind(),
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Edited => "undo the edits first",
            Self::TooFewRecords { .. } => "edit fewer together, or give a file with more records",
            Self::NoRecords => "give a file with records, or another limit or shard",
            Self::NoBundledRecords { dataset, .. } => {
                return format!("give a file of {}", dataset.name()).into();
            }
            Self::Sweep { .. } => {
                "write layer=all, variant=all, clamp=1,2,4, steps=5,10,20 or contexts=1,11,21"
            }
            Self::TooFewContexts { .. } => "give the session more contexts, or let the method use fewer",
            Self::SameName { .. } => "give each method its own name",
            Self::FolderName { .. } => "give it a name without slashes",
            Self::SeveralCandidates => "compare their folders afterwards",
            Self::OtherRecords { .. } | Self::NoCommonCase => "compare runs over the same records",
            Self::NothingToContinue => "leave out generated text",
            Self::Case { error, .. } => return format!("{}, or keep going without it", error.hint()).into(),
            Self::NoScore => "give records of CounterFact",
        };
        hint.into()
    }
}
