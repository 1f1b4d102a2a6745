//! Why something cannot be done with a model.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use rome_core::edit::{EditFileError, LowRankError, UpdateError};
use rome_core::generate::NotFiniteLogits;
use rome_core::method::rome::ConfigError;
use rome_core::model::short_hash;
use rome_core::request::{RequestError, SampleError, TokenError};
use rome_core::statistics::SolveError;
use rome_core::{EditError, ErrorKind, Hint, Precision, Stopped};
use rome_device::DeviceError;
use rome_eval::EvalError;
use rome_export::ExportError;
use rome_files::{FileError, JsonError};
use rome_ledger::LedgerError;
use rome_models::ModelError;
use rome_plot::PlotError;
use rome_stats::StatsError;
use thiserror::Error;

use crate::audit::AuditError;
use crate::edit_together::TogetherError;
use crate::evaluate::EvaluateError;
use crate::statistics::{FetchError, StatisticsError};
use crate::trace::TraceError;

/// Why something cannot be done with a model: one variant for each concern, with its source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Contexts cannot be sampled.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// An edit cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A file of edits cannot be used.
    #[error(transparent)]
    EditFile(#[from] EditFileError),
    /// A difference cannot be taken apart.
    #[error(transparent)]
    LowRank(#[from] LowRankError),
    /// An update does not fit.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A model's logits are not finite.
    #[error(transparent)]
    Logits(#[from] NotFiniteLogits),
    /// A request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// C cannot be solved with.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// The tokenizer failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no such device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A record, a trace or an audit cannot be evaluated.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// An edit cannot be exported or imported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A ledger cannot be read or changed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A model cannot be loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// Statistics cannot be found, or the inputs of a collection make no sense.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// Statistics cannot be collected, read or used.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// Published statistics cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An observer stopped the work.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A prompt or facts cannot be traced.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Two checkpoints cannot be compared.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// An input of one of this crate's own tasks makes no sense.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An evaluation cannot be made.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Facts cannot be edited together.
    #[error(transparent)]
    Together(#[from] TogetherError),
    /// The place where it happened.
    #[error("{place}: {error}")]
    At {
        /// The file, request or model.
        place: String,
        /// The error.
        #[source]
        error: Box<Error>,
    },
}

/// Why an input of one of this crate's tasks makes no sense.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// No model has this name, but a bundled one has one like it.
    #[error("no model at {name:?}: there is no such folder")]
    MisspeltModel {
        /// The name given.
        name: String,
        /// The bundled model's name.
        bundled: &'static str,
    },
    /// A file has values of facts, and no edits.
    #[error("{} has values of facts that are still to be edited, and no edits", .path.display())]
    ValuesAlone {
        /// The file.
        path: PathBuf,
    },
    /// A build has no bundled models.
    #[error("this build has no bundled models")]
    NoBundledModels,
    /// A model is none of the bundled ones.
    #[error("{name:?} is not a bundled model")]
    NotBundled {
        /// The name given.
        name: String,
    },
    /// The name of a picture's file does not say its form.
    #[error("{}: cannot tell the form of the picture", path.display())]
    NoPicture {
        /// The file to write.
        path: PathBuf,
    },
    /// The model names no token to sample contexts from.
    #[error("the model's config.json names no bos_token_id to sample contexts from")]
    NoStartToken,
    /// A settings file is malformed.
    #[error("not a settings file of kmeng01/rome: {reason}")]
    Settings {
        /// The reason.
        reason: String,
    },
    /// Edits are to be put below others that were made without them.
    #[error("the session already has edits that were not made on top of these")]
    AppliedTooLate,
    /// A prompt has no tokens, or too many.
    #[error("the prompt has {len} tokens, and the model takes {n_positions}")]
    PromptLength {
        /// The number of tokens.
        len: usize,
        /// The model's context length.
        n_positions: usize,
    },
    /// A sequence has too many tokens.
    #[error("{len} tokens were given, and the model takes {n_positions}")]
    TooManyTokens {
        /// The number of tokens.
        len: usize,
        /// The model's context length.
        n_positions: usize,
    },
    /// A prompt has no tokens, and the model no start token.
    #[error("the prompt has no tokens")]
    EmptyPrompt,
    /// A folder was given where a file of edits was expected.
    #[error("{} is a folder, but not a ledger", .path.display())]
    EditsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file of requests, contexts or KL prompts is malformed.
    #[error("{error}")]
    RequestFile {
        /// The place and the reason.
        error: Box<JsonError>,
        /// The content that it should hold.
        holds: RequestFileContent,
    },
    /// A file has no requests.
    #[error("{} has no requests", .path.display())]
    NoRequests {
        /// The file.
        path: PathBuf,
    },
    /// There are partial results of an interrupted run, and the run was not told to resume.
    #[error("found partial results of an interrupted run: {}", .path.display())]
    Unfinished {
        /// The partial results.
        path: PathBuf,
    },
    /// An interrupted run had other settings.
    #[error("the interrupted run had other settings")]
    OtherSettings,
    /// An interrupted run had other requests.
    #[error("the interrupted run had other requests")]
    OtherRequests,
    /// A request of many cannot be edited.
    #[error("failed to edit {request}: {error}")]
    FailedRequest {
        /// The request, on one line.
        request: String,
        /// Why not.
        #[source]
        error: Box<Error>,
        /// The number of edits that were saved.
        n_saved: usize,
    },
    /// A request makes no sense for the model.
    #[error("{reason}")]
    BadRequest {
        /// Why not.
        reason: String,
    },
    /// An observer stopped a run of many requests.
    #[error("stopped; {n_saved} {} saved", if *.n_saved == 1 { "edit is" } else { "edits are" })]
    Interrupted {
        /// The number of edits that were saved.
        n_saved: usize,
    },
    /// None of many requests could be edited.
    #[error("none of {n_requests} requests could be edited{}", first_reason(.first))]
    NoneEdited {
        /// The number of requests.
        n_requests: usize,
        /// Why the first one could not.
        first: Option<String>,
    },
    /// A text names no layers.
    #[error("{text:?} is not a list of layers")]
    Layers {
        /// The text.
        text: String,
    },
    /// Nothing says how edits were made.
    #[error("these edits were imported, so their origin is not recorded")]
    UnknownMethod,
    /// Edits that others were made on top of are not here.
    #[error("it was made on top of edits that are missing: {}…", short_hash(.hash))]
    MissingBelow {
        /// The hash of these edits.
        hash: String,
    },
    /// Edits were made on a model that was held in another precision.
    #[error("these edits were made on the model in {}", .precision.name())]
    OtherPrecision {
        /// The precision.
        precision: Precision,
    },
    /// Some of the edits that were made together are missing.
    #[error("{} has only some of the edits of one run", .path.display())]
    IncompleteEdits {
        /// The file.
        path: PathBuf,
    },
    /// The model has collapsed under many edits.
    #[error(
        "after {n_requests} requests the model has collapsed: its perplexity on the built-in text is {perplexity:.1} times as high, \
         and the edited weights are {norm:.2} times as large"
    )]
    Collapsed {
        /// After this many requests.
        n_requests: usize,
        /// The ratio of the perplexity to that before.
        perplexity: f64,
        /// The ratio of the norm of the edited weights to that before.
        norm: f64,
        /// The number of edits that were saved.
        n_saved: usize,
    },
}

/// The content of a file beside a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFileContent {
    /// Requests.
    Requests,
    /// Contexts or KL prompts.
    Prompts,
}

fn first_reason(first: &Option<String>) -> String {
    first.as_ref().map_or_else(String::new, |first| format!("; the first one: {first}"))
}

impl Error {
    /// Says where it happened.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self::At { place: place.to_string(), error: Box::new(self) }
    }
}

impl Hint for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Sample(error) => error.kind(),
            Self::Edit(error) => error.kind(),
            Self::EditFile(error) => error.kind(),
            Self::LowRank(error) => error.kind(),
            Self::Update(error) => error.kind(),
            Self::Logits(error) => error.kind(),
            Self::Request(error) => error.kind(),
            Self::Solve(error) => error.kind(),
            Self::Token(error) => error.kind(),
            Self::Device(_) => ErrorKind::Device,
            Self::Eval(error) => error.kind(),
            Self::Export(error) => error.kind(),
            Self::File(error) if error.is_not_found() => ErrorKind::NotFound,
            Self::File(_) => ErrorKind::Io,
            Self::Ledger(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::Plot(_) => ErrorKind::Invalid,
            Self::Statistics(error) => error.kind(),
            Self::Stats(error) => error.kind(),
            Self::Fetch(error) => error.kind(),
            Self::Stopped(_) => ErrorKind::Stopped,
            Self::Trace(error) => error.kind(),
            Self::Audit(error) => error.kind(),
            Self::Input(error) => error.kind(),
            Self::Evaluate(error) => error.kind(),
            Self::Together(error) => error.kind(),
            Self::At { error, .. } => error.kind(),
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Sample(error) => error.hint(),
            Self::Edit(error) => error.hint(),
            Self::EditFile(error) => error.hint(),
            Self::LowRank(error) => error.hint(),
            Self::Update(error) => error.hint(),
            Self::Logits(error) => error.hint(),
            Self::Request(error) => error.hint(),
            Self::Solve(error) => error.hint(),
            Self::Token(error) => error.hint(),
            Self::Device(error) => error.hint().into(),
            Self::Eval(error) => error.hint(),
            Self::Export(error) => error.hint(),
            Self::File(error) => error.hint().into(),
            Self::Ledger(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Plot(error) => error.hint().into(),
            Self::Statistics(error) => error.hint(),
            Self::Stats(error) => error.hint(),
            Self::Fetch(error) => error.hint(),
            Self::Stopped(_) => "run it again; saved results are kept".into(),
            Self::Trace(error) => error.hint(),
            Self::Audit(error) => error.hint(),
            Self::Input(error) => error.hint(),
            Self::Evaluate(error) => error.hint(),
            Self::Together(error) => error.hint(),
            Self::At { error, .. } => error.hint(),
        }
    }
}

impl Hint for InputError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::MisspeltModel { .. } | Self::NoBundledModels | Self::NotBundled { .. } => {
                ErrorKind::NotFound
            }
            Self::FailedRequest { error, .. } => error.kind(),
            Self::Collapsed { .. } => ErrorKind::NotFinite,
            Self::Interrupted { .. } => ErrorKind::Stopped,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::MisspeltModel { bundled, .. } => return format!("did you mean {bundled}?").into(),
            Self::ValuesAlone { .. } => "give them to an edit of these facts",
            Self::NoBundledModels => "build it from the repository, with the feature bundled",
            Self::NotBundled { .. } => "give the name of a bundled model",
            Self::NoPicture { .. } => "end the file's name in .svg or .png",
            Self::NoStartToken => "give contexts instead of sampling them",
            Self::Settings { .. } => "give a file such as hparams/ROME/gpt2-xl.json of kmeng01/rome",
            Self::AppliedTooLate => "apply edits before editing, or undo the session's edits",
            Self::PromptLength { .. } => "shorten the prompt",
            Self::TooManyTokens { .. } => "give fewer tokens",
            Self::EmptyPrompt => "give some text to continue",
            Self::EditsFolder { .. } => "give an edit file or a ledger's folder",
            Self::RequestFile { holds: RequestFileContent::Requests, .. } => {
                "a request is {\"prompt\", \"subject\", \"target\"}; give one, a list, or one a line"
            }
            Self::RequestFile { holds: RequestFileContent::Prompts, .. } => {
                "contexts are a JSON list of \"Some text. {}\" or token lists; preservation prompts of \"{} is a\", {\"prompt\", \"subject\"} or {\"tokens\", \"lookup\"}"
            }
            Self::NoRequests { .. } => "give at least one request",
            Self::Unfinished { .. } => "resume the run, or remove the file to start over",
            Self::OtherSettings | Self::OtherRequests => {
                "give what that run was given, or do not resume it, to start over"
            }
            Self::FailedRequest { n_saved: 0, .. } => "try another variant, or other statistics",
            Self::FailedRequest { .. } => {
                "resume the run and keep going after failures; earlier edits are saved"
            }
            Self::BadRequest { .. } => "check the request",
            Self::Interrupted { .. } => "resume the run to continue",
            Self::NoneEdited { .. } => "check the requests: each is {\"prompt\", \"subject\", \"target\"}",
            Self::Layers { .. } => "write 1,3 or 4-8, or all",
            Self::UnknownMethod => "verify edits that rome made",
            Self::MissingBelow { .. } => "give these edits, too",
            Self::OtherPrecision { precision } => {
                return format!("load the model in {}", precision.name()).into();
            }
            Self::IncompleteEdits { .. } => {
                "verify the file as it was made, before edits were dropped from it"
            }
            Self::Collapsed { .. } => "edit fewer facts, or at another layer",
        };
        hint.into()
    }
}
