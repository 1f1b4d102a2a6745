//! Why published statistics cannot be fetched.

use std::borrow::Cow;

use rome_core::{ErrorKind, Hint};
use rome_stats::StatsError;
use thiserror::Error;

/// Why published statistics cannot be fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The connection broke again and again. The part that has come is kept.
    #[error("the download of {url} broke off: {reason}")]
    Broken {
        /// The address.
        url: String,
        /// Why it broke the last time.
        reason: String,
    },
    /// The server has no such file, or does not give it.
    #[error("{url}: the server answered {status}")]
    Refused {
        /// The address.
        url: String,
        /// The status by its number and name.
        status: String,
    },
    /// The server does not say how large the file is.
    #[error("{url}: the server does not say how large the file is")]
    UnknownSize {
        /// The address.
        url: String,
    },
    /// The server sends a part of the file and does not say which.
    #[error("{url}: the server does not say which part it sends")]
    UnknownPart {
        /// The address.
        url: String,
    },
    /// The file is larger or smaller than statistics of the model are.
    #[error("{url} has {size} bytes, but {least} to {most} are expected for this model")]
    OtherSize {
        /// The address.
        url: String,
        /// The size of the file.
        size: u64,
        /// The size that it has at least.
        least: u64,
        /// The size that it has at most.
        most: u64,
    },
    /// The file is no statistics of the model.
    #[error("the file from {url} is damaged: {error}")]
    Damaged {
        /// The address.
        url: String,
        /// The fault.
        #[source]
        error: StatsError,
    },
}

impl Hint for FetchError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::NotFound,
            Self::Broken { .. } | Self::UnknownSize { .. } | Self::UnknownPart { .. } => ErrorKind::Io,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Broken { .. } => "run it again; it continues the download",
            Self::Refused { .. } => "check the name and the address, or collect the statistics",
            Self::UnknownSize { .. } | Self::UnknownPart { .. } => {
                "download it by other means and give the file"
            }
            Self::OtherSize { .. } => "give the published name of this model",
            Self::Damaged { error, .. } => return error.hint(),
        };
        hint.into()
    }
}
