//! Does an edit work, and where is the fact? CounterFact, zsRE and causal tracing (Meng et al. 2022,
//! sections 2 and 3).
//!
//! | question | by |
//! | --- | --- |
//! | does the edit hold in other words, and only there? | [`CounterFact`], [`ZsRe`]: a [`Record`] is asked,
//! edited and asked again by an [`Evaluation`] |
//! | is what the model writes still text, and about the right thing? | [`Fluency`] |
//! | is another way of editing better? | any [`EditMethod`](rome_core::EditMethod), by a
//! [`rome_core::Editor`] |
//! | is it better by more than chance? | [`Comparison`] |
//! | which states carry the fact? | [`Tracer`](trace::Tracer), [`TraceAverages`](trace::TraceAverages) |
//! | did an edit leave the rest as it was? | [`AuditReport`](audit::AuditReport) |
//!
//! ```
//! use rome_core::{CausalLm, Editor, Tokenizer};
//! use rome_eval::trace::{Noise, Trace, TraceConfig, TraceKind, TracePrompt, Tracer};
//! use rome_eval::{CounterFact, Evaluation, EvalError, RunSummary};
//!
//! fn evaluate(
//!     editor: &mut Editor<'_>,
//!     tokenizer: &dyn Tokenizer,
//!     records: &[CounterFact],
//! ) -> Result<RunSummary, EvalError> {
//!     let mut evaluation = Evaluation::new(tokenizer, None);
//!     let cases = records.iter().map(|record| evaluation.run(editor, record, &mut ()));
//!     Ok(RunSummary::of(&cases.collect::<Result<Vec<_>, _>>()?))
//! }
//!
//! fn trace(model: &dyn CausalLm, tokenizer: &dyn Tokenizer) -> Result<Trace, EvalError> {
//!     let prompt = TracePrompt::new("{} is produced by", "iPhone 5", tokenizer, model.shape())?;
//!     let noise = Noise::normal(0.2, [10, prompt.subject.len(), model.shape().d_model])?;
//!     let config = TraceConfig::new(TraceKind::State);
//!     Tracer { model, tokenizer, prompt: &prompt, noise: &noise, config }.run(&mut ())
//! }
//! ```
//!
//! Results are kept in a folder, [`Results`], with the file and field names of kmeng01/rome, whose
//! `summarize.py` reads it.

mod answers;
mod aspect;
pub mod audit;
mod case;
mod case_table;
mod comparison;
mod counterfact;
mod data;
mod dataset;
mod difference;
mod entropy;
mod error;
mod estimate;
mod evaluation;
mod facts;
mod fluency;
mod idf;
mod json_file;
mod measures;
mod nll;
mod other_forms;
mod page;
mod record;
mod report;
mod results;
mod rewrite;
mod run;
mod snippets;
mod summary;
mod text_windows;
pub mod trace;
mod zsre;

pub use answers::Answers;
pub use case::Case;
pub use comparison::{Comparison, Flip};
pub use counterfact::CounterFact;
pub use dataset::Dataset;
pub use difference::Difference;
pub use entropy::entropy;
pub use error::EvalError;
pub use estimate::Estimate;
pub use evaluation::Evaluation;
pub use facts::Facts;
pub use fluency::Fluency;
pub use measures::MEASURES;
pub use nll::Nll;
pub use record::Record;
pub use report::html;
pub use results::{Results, SUMMARY_LOCK};
pub use rewrite::{Rewrite, Target};
pub use run::Run;
pub use snippets::Snippets;
pub use summary::{RunSummary, Summary, summarise};
pub use text_windows::TextWindows;
pub use zsre::ZsRe;
