//! Scores targets after prompts: many at once, and each common beginning once.

mod answer;
mod level;
mod query;
#[expect(clippy::module_inception, reason = "the type that gives the folder its name")]
mod scoring;
mod tree;

pub use answer::Answer;
pub use query::{Query, TargetScore, TokenScore};
pub use scoring::{Scoring, score};
