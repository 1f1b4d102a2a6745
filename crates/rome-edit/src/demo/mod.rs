//! One edit of a bundled model: its answers before and after, a picture of them, and the way back.

#[expect(clippy::module_inception, reason = "the type that gives the folder its name")]
mod demo;
mod picture;
mod report;

pub use demo::Demo;
pub(crate) use demo::{NEW, PROMPT, SUBJECT, prompts};
pub use report::{DemoAnswer, DemoPrompt, DemoReport};
