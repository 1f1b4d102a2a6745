//! Why statistics cannot be found or collected.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::{ErrorKind, Hint};
use thiserror::Error;

/// Why statistics cannot be found or collected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// There are none for a layer.
    #[error("there are no statistics for layer {layer} of {model}")]
    NoStatistics {
        /// The layer.
        layer: usize,
        /// The model, as the user named it.
        model: String,
    },
    /// A folder holds none of a layer.
    #[error("{} has neither {ours} nor {module}*.npz", .folder.display())]
    NoStatisticsIn {
        /// The folder.
        folder: PathBuf,
        /// The name that a file of ours would have.
        ours: String,
        /// The beginning that the name of the reference's file would have.
        module: String,
    },
    /// A folder holds several files of the reference for a layer.
    #[error("{} has several files {module}*.npz", .folder.display())]
    SeveralStatistics {
        /// The folder.
        folder: PathBuf,
        /// The beginning of the files' names.
        module: String,
    },
    /// A file of the reference is of another layer, by its name.
    #[error("{} has the name of another layer than {layer}", .path.display())]
    OtherLayerName {
        /// The file.
        path: PathBuf,
        /// The layer.
        layer: usize,
        /// The beginning of the name of this layer's file.
        module: String,
    },
    /// The identity has no second moment.
    #[error("the identity has no statistics")]
    Identity,
    /// There is no folder for caches.
    #[error("there is no cache folder")]
    NoCache,
    /// A text says no interval for saving.
    #[error("{text:?} is not a number of tokens or seconds")]
    SaveEvery {
        /// The text.
        text: String,
    },
    /// A pattern of files is malformed.
    #[error("{pattern:?} is not a pattern: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The fault.
        #[source]
        error: glob::PatternError,
    },
    /// The folders of a pattern cannot be read.
    #[error("cannot search for {pattern:?}: {error}")]
    Search {
        /// The pattern.
        pattern: String,
        /// The folder and the system's error.
        #[source]
        error: glob::GlobError,
    },
    /// A pattern matches no file.
    #[error("no file matches {pattern:?}")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// There is the state of an interrupted collection, and the run was not told to resume.
    #[error("there is an unfinished collection in {}", .path.display())]
    Unfinished {
        /// The file of the state.
        path: PathBuf,
    },
    /// An observer stopped a collection, and its state is saved.
    #[error("stopped; the unfinished collection is in {}", .path.display())]
    Interrupted {
        /// The file of the state.
        path: PathBuf,
    },
    /// A name says no kind of file that statistics are written as.
    #[error("{} is neither .npz nor .safetensors", .path.display())]
    FileKind {
        /// The file.
        path: PathBuf,
    },
}

impl Hint for StatisticsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoStatistics { .. } | Self::NoStatisticsIn { .. } => ErrorKind::NoStatistics,
            Self::NoMatch { .. } => ErrorKind::NotFound,
            Self::Search { .. } => ErrorKind::Io,
            Self::Interrupted { .. } => ErrorKind::Stopped,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::NoStatistics { .. } => "collect statistics over text, or give a file",
            Self::NoStatisticsIn { .. } => {
                "give a folder of collected statistics, or one of the reference's caches"
            }
            Self::SeveralStatistics { .. } => "give one of them",
            Self::OtherLayerName { module, .. } => {
                return format!("give {module}*.npz, or the folder that has one for each layer").into();
            }
            Self::Identity => "give a file of statistics",
            Self::NoCache => "set ROME_CACHE to a folder",
            Self::SaveEvery { .. } => "write 1000000 for tokens, or 60s for seconds",
            Self::Pattern { .. } | Self::NoMatch { .. } => "give files or a pattern that matches files",
            Self::Search { .. } => "check that the path exists and is readable",
            Self::Unfinished { .. } => "resume it, or delete this file to start over",
            Self::Interrupted { .. } => "resume the run to continue",
            Self::FileKind { .. } => "end the file's name in .npz or .safetensors",
        };
        hint.into()
    }
}
