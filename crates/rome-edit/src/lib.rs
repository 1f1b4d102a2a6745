//! Edit facts in language models: everything one does with a model, without a terminal.
//!
//! ```
//! use rome_edit::{Error, Request, Session};
//!
//! # fn main() -> Result<(), Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("obama.safetensors");
//! let mut session = Session::builder("facts-gpt2").seed(3).open()?;
//! let request = Request::text("The mother tongue of {} is", "Barack Obama", "French");
//! let outcome = session.edit(&request)?;
//! assert!(outcome.succeeded && outcome.p_target_after > 0.9);
//! assert_eq!(session.generate("Barack Obama, a native", 1)?, "Barack Obama, a native French");
//! session.save(&path)?;
//! session.undo();
//! assert_eq!(session.generate("Barack Obama, a native", 1)?, "Barack Obama, a native English");
//! # Ok(())
//! # }
//! ```
//!
//! Long work takes an [`Observer`], which sees its progress and can stop it; `&mut ()` lets it run.
//!
//! It writes nothing to the terminal; notes for the user go through `tracing`.

mod audit;
mod builder;
mod demo;
mod edit_many;
mod edit_together;
pub mod edits;
mod error;
mod evaluate;
mod export;
mod facts;
mod generate;
mod import;
mod layers;
mod machine;
pub mod model;
mod pictures;
mod published;
pub mod requests;
mod self_test;
mod session;
mod settings;
mod similar;
pub mod statistics;
mod suggest;
mod suggest_together;
mod text;
mod trace;
mod verify;

pub use audit::{Audit, AuditError, AuditText, ModelChange};
pub use builder::SessionBuilder;
pub use burn;
pub use demo::{Demo, DemoAnswer, DemoPrompt, DemoReport};
pub use edit_many::{
    BatchOutcome, EditMany, EditReport, FailedRequest, FlopReport, Health, Inflation, Seconds,
};
pub use edit_together::{
    ContextGroups, EditAgain, EditTogether, FactReport, TogetherError, TogetherOutcome, TogetherSeconds,
    VerifiedValue, WeightReport, read_mass_settings,
};
pub use error::{Error, InputError, RequestFileContent};
pub use evaluate::{
    Candidate, CompareResults, Evaluate, EvaluateError, EvaluateTogether, EvaluationOutcome,
    EvaluationSeconds, FluencyInputs, MergeResults, MethodName, RecordSelection, Sweep, SweepAdvice,
    TogetherEvaluation, TogetherMethod, TogetherPoint,
};
pub use export::{Export, ExportFormat, ExportReport};
pub use generate::{Generate, GeneratedText, Sampling, logits_file};
pub use import::ImportEdits;
pub use layers::{LayerSelection, layer_range};
pub use machine::{DeviceReport, Folder, Machine, devices, missing_backends};
pub use model::Model;
pub use pictures::write_picture;
pub use published::{Origin, suggest, suggest_mass};
pub use rome_core::edit::WeightUpdate;
pub use rome_core::method;
pub use rome_core::statistics::NullSpaceBound;
pub use rome_core::{
    CausalLm, Context, EditFile, EditMethod, Environment, ErrorKind, Event, Hint, KlPrompt, MassConfig,
    MassMethod, ModelHash, Observer, Outcome, Precision, Progress, RankOneUpdate, Request, RomeConfig, Step,
    Stopped, TokenizedRequest, Unit, Variant,
};
pub use rome_device::{DeviceInfo, DeviceName};
pub use rome_eval::audit::{
    AuditRecord, AuditReport, EditAssessment, KlPromptDivergence, Perplexity, PromptComparison, PromptKind,
    TextEffect, TokenProbability, Verdict, WeightChange,
};
pub use rome_eval::trace::{
    CutNoise, PathCut, RoleAverage, TokenRole, Trace, TraceAverages, TraceCell, TraceKind,
};
pub use rome_eval::{
    Case, Comparison, Dataset, Difference, Estimate, EvalError, Flip, MEASURES, Results, RunSummary, Summary,
};
pub use rome_export::ExportError;
pub use rome_files::{self as files, FileError};
pub use rome_ledger::{self as ledger, Ledger, LedgerError};
pub use rome_models::ModelError;
pub use rome_stats::{Shard, StatsError};
pub use self_test::{DeviceComparison, DeviceTest, SelfTest, SelfTestReport};
pub use session::{Inputs, Session, sample_contexts};
pub use settings::Settings;
pub use statistics::{Collect, Collection, StatisticsSource};
pub use suggest::{Suggest, Suggestion};
pub use suggest_together::{SuggestTogether, TogetherSuggestion, TriedSetting};
pub use trace::{
    FactSource, FactTraces, NoiseScale, PromptTraces, TraceError, TraceMany, TraceNoise, TraceOne,
    TraceSeconds, TraceSettings,
};
pub use verify::{Verification, VerifiedEdit, Verify};
