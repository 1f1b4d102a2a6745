//! Why statistics cannot be collected, read or used.

use std::path::PathBuf;

use thiserror::Error;

/// Why statistics cannot be collected, read or used.
#[derive(Debug, Error)]
pub enum StatsError {
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A line of a corpus is not what it should be.
    #[error("{}, line {line}: {reason}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A corpus has a kind of file that is not read.
    #[error("{}: only .txt and .jsonl are read", .path.display())]
    FileKind {
        /// The file.
        path: PathBuf,
    },
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
        /// How many there are.
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
    /// Statistics were made with another model.
    #[error("the statistics were collected with the model {}…, and this one is {}…", .made_with.get(..12).unwrap_or(.made_with), .model.get(..12).unwrap_or(.model))]
    OtherModel {
        /// The hash in the file.
        made_with: String,
        /// The hash of the model at hand.
        model: String,
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
}

impl StatsError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check that the file or its folder exists and may be used",
            Self::Line { .. } => {
                "mend the line; .jsonl has one object a line, with the text under \"text\" or --field"
            }
            Self::FileKind { .. } => "give .txt (one document a line) or .jsonl",
            Self::Tokenizer(_) => "check that the tokenizer belongs to the model",
            Self::Empty => "give text with --text FILE",
            Self::Layer { .. } => "choose with --layers, counted from 0, or --layers all",
            Self::NotFinite { .. } => "the checkpoint is damaged; download it again",
            Self::Format(_) => "give a file that rome stats or kmeng01/rome has written",
            Self::OtherModel { .. } | Self::OtherLayer { .. } | Self::Size { .. } => {
                "collect statistics for this very model and layer: rome stats collect"
            }
        }
    }
}
