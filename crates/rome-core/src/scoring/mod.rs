//! How probable targets are after prompts: many at once, nothing run twice.

mod answer;
mod level;
mod query;
#[expect(clippy::module_inception, reason = "the type that gives the folder its name")]
mod scoring;
mod tree;

pub use answer::Answer;
pub use query::{Query, TargetScore, TokenScore};
pub use scoring::{Scoring, score};
