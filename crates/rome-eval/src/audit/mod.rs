//! The audit of an edit: what changed, what the model answers before and after, and a verdict with its
//! reasons.
//!
//! A [`QuestionSource`] makes the same [`Questions`] for before and after: at the edited prompts, at
//! paraphrases, at neighbours that should stay as they are, and at prompts that have nothing to do with the
//! edit. [`AuditAnswers`] are those of a model, and an [`AuditReport`] holds the two against each other.

mod answers;
mod comparison;
mod distribution;
mod html_page;
mod perplexity;
mod prompt_kind;
mod question_source;
mod questions;
mod record;
mod report;
mod text_effect;
mod verdict;
mod weight_change;

pub use answers::AuditAnswers;
pub use comparison::{KlPromptDivergence, PromptComparison, TokenProbability};
pub use html_page::html_page;
pub use perplexity::Perplexity;
pub use prompt_kind::PromptKind;
pub use question_source::QuestionSource;
pub use questions::{Question, Questions};
pub use record::AuditRecord;
pub use report::{AuditEvidence, AuditReport};
pub use text_effect::TextEffect;
pub use verdict::{EditAssessment, Verdict};
pub use weight_change::WeightChange;
