//! A way in.

use anyhow::Result;
use rome_core::Hint;

use crate::{Bound, Files, Seed};

/// A way in: something that is read from outside.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// The input, and the function that reads it.
    pub about: &'static str,
    /// The bounds for reading it.
    pub bound: Bound,
    /// The number of inputs that the tests draw.
    pub n_cases: u32,
    /// The seeds of its inputs, besides those of `seeds/<name>`.
    pub seeds: fn() -> Result<Vec<Seed>>,
    /// Reads an input.
    pub read: fn(&Files) -> Outcome,
}

/// The outcome of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Taken,
    /// It was refused by an error with a hint.
    Refused,
    /// It was taken where it should not have been.
    Broken(String),
}

impl Outcome {
    /// Refused, by an error that can be shown.
    pub(crate) fn refused(error: &dyn Hint) -> Self {
        if error.to_string().is_empty() || error.hint().is_empty() {
            Self::Broken("an error has no message or no hint".to_owned())
        } else {
            Self::Refused
        }
    }
}
