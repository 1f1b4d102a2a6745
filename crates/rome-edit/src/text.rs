//! A text of our own, in plain words, of which every model of English has seen the like.

/// The text whose perplexity shows whether a model still is one.
pub(crate) const TEXT: &str = include_str!("text.txt");

/// The name of that text.
pub(crate) const TEXT_NAME: &str = "the built-in text";
