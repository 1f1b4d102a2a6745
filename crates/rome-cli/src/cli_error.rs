//! An error of the command line itself.

use std::fmt;

/// An error of the command line itself.
#[derive(Debug)]
pub(crate) struct CliError {
    message: String,
    pub(crate) hint: &'static str,
}

impl CliError {
    /// Fails with a message and a hint.
    pub(crate) fn fail<T>(message: impl Into<String>, hint: &'static str) -> anyhow::Result<T> {
        Err(Self { message: message.into(), hint }.into())
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}
