//! Why an evaluation, a trace or an audit cannot be made.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::EditError;
use rome_core::request::RequestError;
use rome_core::request::TokenError;
use rome_core::{ErrorKind, Hint, Stopped};
use rome_files::{FileError, JsonError};
use thiserror::Error;

/// Why an evaluation, a trace or an audit cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A file of results is malformed.
    #[error("{}: {reason}", .path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file of records, or a record in it, is malformed.
    #[error(transparent)]
    Record(Box<JsonError>),
    /// A case cannot be evaluated.
    #[error("case {case_id}: {error}")]
    Case {
        /// The record's `case_id`.
        case_id: u64,
        /// Why not.
        #[source]
        error: Box<EvalError>,
    },
    /// A prompt is longer than the model takes, or has no tokens.
    #[error("the prompt {prompt:?} has {len} tokens with its target, and the model takes 1 to {n_positions}")]
    Length {
        /// The prompt.
        prompt: String,
        /// Its tokens and the target's.
        len: usize,
        /// The model's context length.
        n_positions: usize,
    },
    /// The texts to compare generations with have none for a target.
    #[error("there are no snippets for relation {relation:?} and target {target:?}")]
    NoSnippets {
        /// The relation.
        relation: String,
        /// The id of the target.
        target: String,
    },
    /// A folder holds what another run has made.
    #[error("{} holds results of another run: {difference}", .folder.display())]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// A folder holds no results.
    #[error("{} holds no results: there is no case_<id>.json", .0.display())]
    NoResults(PathBuf),
    /// A file of noise does not fit the trace.
    #[error("the noise is {found:?}, and this trace takes {expected:?}: [samples, subject tokens, d_model]")]
    NoiseShape {
        /// Its shape.
        found: Vec<usize>,
        /// The shape that is asked for.
        expected: [usize; 3],
    },
    /// A file of noise is no such file.
    #[error("invalid noise: {0}")]
    Noise(String),
    /// A file of prompts for an audit holds something else.
    #[error("{0}")]
    AuditRecords(Box<JsonError>),
    /// A prompt of an audit has no tokens, or too many.
    #[error("the prompt {prompt:?} has {len} tokens")]
    AuditPrompt {
        /// The prompt.
        prompt: String,
        /// Its tokens.
        len: usize,
    },
    /// The request of an edit makes no sense for the model that is audited.
    #[error("{request}: {error}")]
    AuditRequest {
        /// The request, on one line.
        request: String,
        /// Why not.
        #[source]
        error: RequestError,
    },
    /// An old object is too long.
    #[error("the prompt of {request} and its old object are too long for the model")]
    OldObject {
        /// The request, on one line.
        request: String,
    },
    /// The edit cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A record's prompt makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The tokenizer failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A model answers with something that is no number.
    #[error("the model's answers are not finite")]
    NotFinite,
    /// More noise than can be held.
    #[error("{samples} samples of noise on {tokens} tokens are too many")]
    TooMuchNoise {
        /// The samples.
        samples: usize,
        /// The tokens of the subject.
        tokens: usize,
    },
    /// An observer stopped the work.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Hint for EvalError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Case { error, .. } => error.kind(),
            Self::Edit(error) => error.kind(),
            Self::Request(error) | Self::AuditRequest { error, .. } => error.kind(),
            Self::Token(error) => error.kind(),
            Self::NoResults(_) => ErrorKind::NotFound,
            Self::File(error) if error.is_not_found() => ErrorKind::NotFound,
            Self::File(_) => ErrorKind::Io,
            Self::NotFinite => ErrorKind::NotFinite,
            Self::Stopped(_) => ErrorKind::Stopped,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Data { .. } => "give a file that rome or the reference wrote",
            Self::Record(error) if error.place.is_none() => {
                "give records as JSON: a list of them, one, or one a line"
            }
            Self::Record(_) => "fix the record, or leave it out",
            Self::Case { error, .. } => return error.hint(),
            Self::Length { .. } => "shorten the prompt",
            Self::NoSnippets { .. } => "give snippets and records with the same ids, or no snippets",
            Self::OtherRun { .. } => "give another folder, or the settings of that run",
            Self::NoResults(_) => "give the folder of one run",
            Self::NoiseShape { .. } | Self::Noise(_) => {
                "give a safetensors file with one tensor, noise, f32, as many samples as are traced"
            }
            Self::AuditRecords(_) => {
                "give a record {\"paraphrase_prompts\", \"neighborhood_prompts\", …} or a list of them"
            }
            Self::AuditPrompt { .. } => "give prompts that are not empty and not too long for the model",
            Self::OldObject { .. } => "give the object alone, as it would follow the prompt",
            Self::Edit(error) => return error.hint(),
            Self::Request(error) | Self::AuditRequest { error, .. } => return error.hint(),
            Self::Token(error) => return error.hint(),
            Self::File(error) => return error.hint().into(),
            Self::NotFinite => "check the checkpoint for NaN, which fine-tuning may cause",
            Self::TooMuchNoise { .. } => "use fewer samples; the paper uses 10",
            Self::Stopped(_) => "run it again; saved results are kept",
        };
        hint.into()
    }
}

impl From<JsonError> for EvalError {
    fn from(error: JsonError) -> Self {
        Self::Record(Box::new(error))
    }
}

impl EvalError {
    /// Says in which case it happened, unless an observer wanted it.
    pub(crate) fn in_case(self, case_id: u64) -> Self {
        match self.kind() {
            ErrorKind::Stopped => Self::Stopped(Stopped),
            _ => Self::Case { case_id, error: Box::new(self) },
        }
    }
}
