//! Why statistics cannot be collected, read or used.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::{ErrorKind, Hint, ModelHash, Stopped};
use thiserror::Error;

/// Why statistics cannot be collected, read or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: std::io::Error,
    },
    /// A line of a corpus is not what it should be.
    #[error("{}, line {line}: {reason}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The fault.
        reason: String,
    },
    /// A row of a corpus is not what it should be.
    #[error("{}, row {row}: {reason}", .path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: usize,
        /// The fault.
        reason: String,
    },
    /// A file of a corpus is not what it should be.
    #[error("{}: {reason}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A corpus has a kind of file that is not read.
    #[error("{}: only .txt, .jsonl, .ndjson, .json and .parquet are read, all but the last also as .gz and .zst", .path.display())]
    FileKind {
        /// The file.
        path: PathBuf,
    },
    /// A shard has an invalid index.
    #[error("{text:?} is not a shard")]
    Shard {
        /// The text that was given.
        text: String,
    },
    /// Statistics cannot be added up.
    #[error("the statistics cannot be merged: {0}")]
    Merge(String),
    /// A file is not the state of a collection.
    #[error("{} is not an unfinished collection: {reason}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A collection was begun with another model or other settings.
    #[error("the collection began with another model, other layers or other settings")]
    OtherSettings,
    /// A corpus is not the one that a collection was begun with.
    #[error("the corpus has changed since the collection began")]
    OtherCorpus,
    /// The tokenizer failed on a document.
    #[error("{0}")]
    Tokenizer(String),
    /// There was no text.
    #[error("the corpus has no text")]
    Empty,
    /// A layer that the model lacks.
    #[error("layer {layer} does not exist: the model has layers 0 to {}", .n_layers - 1)]
    Layer {
        /// The layer asked for.
        layer: usize,
        /// The number of layers.
        n_layers: usize,
    },
    /// A key came out infinite or not a number.
    #[error("the keys of layer {layer} are not finite")]
    NotFinite {
        /// The layer.
        layer: usize,
    },
    /// A file of statistics is malformed.
    #[error("not a file of statistics: {0}")]
    Format(String),
    /// A file is of another version of the program.
    #[error("the file has format version {found}, and this program reads version {read}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The version that is read.
        read: u32,
    },
    /// Statistics were made with another model.
    #[error("the statistics were collected with the model {}…, and this one is {}…", .made_with.short(), .model.short())]
    OtherModel {
        /// The hash in the file.
        made_with: ModelHash,
        /// The hash of the model at hand.
        model: ModelHash,
    },
    /// Statistics are of another layer.
    #[error("the statistics are of layer {found}, and layer {wanted} is edited")]
    OtherLayer {
        /// The layer in the file.
        found: usize,
        /// The layer wanted.
        wanted: usize,
    },
    /// Statistics are for keys of another length.
    #[error("the statistics are for keys of {found} values, and this model's keys have {wanted}")]
    Size {
        /// The length in the file.
        found: usize,
        /// The model's `d_ff`.
        wanted: usize,
    },
    /// An observer stopped the work.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Hint for StatsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Io { .. } => ErrorKind::Io,
            Self::OtherModel { .. } | Self::OtherLayer { .. } | Self::Size { .. } => ErrorKind::OtherModel,
            Self::NotFinite { .. } => ErrorKind::NotFinite,
            Self::Stopped(_) => ErrorKind::Stopped,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Io { .. } => "check that the file or its folder exists and is accessible",
            Self::Line { .. } => {
                "mend the line; it is an object with the text under \"text\" or the field that is chosen"
            }
            Self::Row { .. } => "choose a field or a column of strings or lists of strings",
            Self::Malformed { .. } => "download the file again, or choose another field or column",
            Self::FileKind { .. } => {
                "rename the file to one of these, or write its text to standard input, as text or as JSON lines"
            }
            Self::Shard { .. } => "write I/N, with I from 0 to N-1",
            Self::Merge(_) => {
                "merge shards of one collection, each once: the same model, layer, text and settings"
            }
            Self::State { .. } => "delete the file to start over",
            Self::OtherSettings => {
                "continue with the model and the settings that it began with, or delete the file to start over"
            }
            Self::OtherCorpus => {
                "continue with the same files in the same order, or delete the file to start over"
            }
            Self::Tokenizer(_) => "check that the tokenizer belongs to the model",
            Self::Empty => "give some text",
            Self::Layer { .. } => "choose layers of the model, counted from 0",
            Self::NotFinite { .. } => "the checkpoint is damaged; download it again",
            Self::Format(_) => "give a file of collected statistics, or a cache of kmeng01/rome",
            Self::Version { .. } => "use the version of rome that wrote it, or create it again",
            Self::OtherModel { .. } | Self::OtherLayer { .. } | Self::Size { .. } => {
                "collect statistics for this very model and layer"
            }
            Self::Stopped(_) => "run it again; saved results are kept",
        };
        hint.into()
    }
}
