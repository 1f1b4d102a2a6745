//! Why an evaluation or a trace cannot be made.

use std::path::PathBuf;

use rome_core::edit::EditError;
use rome_core::request::RequestError;
use rome_core::tokens::TokenError;
use rome_files::FileError;
use thiserror::Error;

/// Why an evaluation or a trace cannot be made.
#[derive(Debug, Error)]
pub enum EvalError {
    /// A file of records is no list of them.
    #[error("{}: {reason}", .path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A record is malformed.
    #[error("{}: record {index}, field {field}: {reason}", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record's place in the file, from 0.
        index: usize,
        /// The field, as a path from the record.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A case cannot be evaluated.
    #[error("case {case_id}: {error}")]
    Case {
        /// The record's `case_id`.
        case_id: u64,
        /// Why not.
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
        /// What is different.
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
    #[error("no noise: {0}")]
    Noise(String),
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
}

impl EvalError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Data { .. } => "give a JSON list of records, in the form of the data set",
            Self::Record { .. } => "mend the record, or leave it out with --keep-going",
            Self::Case { error, .. } => error.hint(),
            Self::Length { .. } => "shorten the prompt",
            Self::NoSnippets { .. } => {
                "give snippets and records whose ids belong together, or leave --snippets out"
            }
            Self::OtherRun { .. } => "give another folder with -o, or the options of that run",
            Self::NoResults(_) => "give the folder of one run of rome eval",
            Self::NoiseShape { .. } | Self::Noise(_) => {
                "give a safetensors file with one tensor, noise, f32, as many samples as --samples"
            }
            Self::Edit(error) => error.hint(),
            Self::Request(error) => error.hint(),
            Self::Token(error) => error.hint(),
            Self::File(error) => error.hint(),
            Self::NotFinite => "check the checkpoint for NaN; fine-tuning may have made some",
            Self::TooMuchNoise { .. } => "take fewer --samples: the paper takes 10",
        }
    }

    pub(crate) fn in_case(self, case_id: u64) -> Self {
        Self::Case { case_id, error: Box::new(self) }
    }
}
