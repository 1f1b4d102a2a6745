//! Ways of editing, evaluated on the same records: several methods, one setting varied, in folders of results
//! that a later run resumes, merges or compares.

mod candidate;
mod case_store;
mod compare;
mod error;
#[expect(clippy::module_inception, reason = "the type that gives the folder its name")]
mod evaluate;
mod fluency;
mod merge;
mod method_name;
mod outcome;
mod pages;
mod plan;
mod records;
mod runner;
mod scaling_picture;
mod score_line;
mod scores;
mod sweep;
mod sweep_advice;
mod sweep_picture;
mod sweep_point;
mod sweep_results;
mod together;
mod together_outcome;

pub use candidate::Candidate;
pub use compare::CompareResults;
pub use error::EvaluateError;
pub use evaluate::Evaluate;
pub use fluency::FluencyInputs;
pub use merge::MergeResults;
pub use method_name::MethodName;
pub use outcome::{EvaluationOutcome, EvaluationSeconds};
pub use records::RecordSelection;
pub(crate) use records::Records;
pub(crate) use runner::Runner;
pub use sweep::Sweep;
pub use sweep_advice::SweepAdvice;
pub(crate) use sweep_results::SweepResults;
pub use together::{EvaluateTogether, TogetherMethod};
pub use together_outcome::{TogetherEvaluation, TogetherPoint};
