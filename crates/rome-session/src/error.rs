//! Errors as a person reads them.

use std::fmt;

/// Why something cannot be done: what and where, and how to mend it.
#[derive(Debug)]
pub struct SessionError {
    message: String,
    hint: String,
}

impl SessionError {
    /// Says what is wrong, and what to do about it.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Says where it happened.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SessionError {}

macro_rules! from {
    ($($kind:ty),* $(,)?) => {
        $(impl From<$kind> for SessionError {
            fn from(error: $kind) -> Self {
                Self::new(error.to_string(), error.hint())
            }
        })*
    };
}

from!(
    rome_files::FileError,
    rome_core::config::ConfigError,
    rome_core::context::SampleError,
    rome_core::edit::EditError,
    rome_core::edit_file::EditFileError,
    rome_core::generate::NotFiniteLogits,
    rome_core::request::RequestError,
    rome_core::solve::SolveError,
    rome_core::tokens::TokenError,
    rome_device::DeviceError,
    rome_models::ModelError,
    rome_stats::StatsError,
);
