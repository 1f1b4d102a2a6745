//! What an edit did to a model: what changed, what the model answers before and after, and a verdict
//! with its reasons.
//!
//! A model is asked the same [`Questions`] before and after, at the edited prompts, at paraphrases,
//! at neighbours that should stay as they are, and at prompts that have nothing to do with the edit;
//! [`Answers`] are what it says. An [`Audit`] holds the two against each other.

pub mod answers;
pub mod audit;
pub mod change;
mod html;
pub mod questions;
pub mod verdict;

pub use answers::Answers;
pub use audit::Audit;
pub use change::{Change, Typical};
pub use questions::{Kind, Question, Questions};
pub use verdict::{Judgement, Verdict};
