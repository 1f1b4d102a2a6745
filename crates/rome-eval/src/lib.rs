//! Does an edit work, and where is the fact? CounterFact, zsRE and causal tracing (Meng et al. 2022,
//! sections 2 and 3).
//!
//! | question | by |
//! | --- | --- |
//! | does the edit hold in other words, and only there? | [`CounterFact`], [`ZsRe`]: a [`Record`] is asked, edited and asked again by an [`Evaluation`] |
//! | is what the model writes still text, and about the right thing? | [`Fluency`] |
//! | is another way of editing better? | any [`Method`]: ROME by [`rome_core::Editor`], [`FineTuning`], none at all |
//! | is it better by more than chance? | [`Against`] |
//! | which states carry the fact? | [`Trace`](trace::Trace), [`Averages`](trace::Averages) |
//!
//! ```
//! use rome_core::{CausalLm, TokenCodec};
//! use rome_eval::trace::{Kind, Noise, Trace, TraceConfig, TracedPrompt};
//! use rome_eval::{CounterFact, Evaluation, EvalError, Method, RunSummary};
//!
//! fn evaluate(
//!     method: &mut dyn Method,
//!     tokens: &dyn TokenCodec,
//!     records: &[CounterFact],
//! ) -> Result<RunSummary, EvalError> {
//!     let mut evaluation = Evaluation::new(tokens, None);
//!     let cases = records.iter().map(|record| evaluation.run(method, record));
//!     Ok(RunSummary::of(&cases.collect::<Result<Vec<_>, _>>()?))
//! }
//!
//! fn trace(model: &dyn CausalLm, tokens: &dyn TokenCodec) -> Result<Trace, EvalError> {
//!     let prompt = TracedPrompt::new("{} is produced by", "iPhone 5", tokens, model.shape())?;
//!     let noise = Noise::normal(0.2, [10, prompt.subject.len(), model.shape().d_model])?;
//!     Trace::new(model, tokens, &prompt, &noise, TraceConfig::new(Kind::State), &|_| ())
//! }
//! ```
//!
//! Results are kept in a folder, [`Results`], with the file and field names of kmeng01/rome, whose
//! `summarize.py` reads it.

mod against;
mod answers;
mod case;
mod counterfact;
mod data;
mod dataset;
mod error;
mod evaluation;
mod facts;
mod finetune;
mod fluency;
mod method;
mod record;
mod report;
mod results;
mod summary;
pub mod trace;
mod zsre;

pub use against::{Against, Difference, Flip};
pub use answers::{Answers, Nll};
pub use case::Case;
pub use counterfact::CounterFact;
pub use dataset::Dataset;
pub use error::EvalError;
pub use evaluation::Evaluation;
pub use facts::Facts;
pub use finetune::{FineTuning, FineTuningConfig};
pub use fluency::{Fluency, Snippets, entropy};
pub use method::{Method, Unedited};
pub use record::{Record, Rewrite, Target};
pub use report::html;
pub use results::{Results, Run, SUMMARY_LOCK};
pub use summary::{Estimate, MEASURES, RunSummary, Summary, summarise};
pub use zsre::ZsRe;
