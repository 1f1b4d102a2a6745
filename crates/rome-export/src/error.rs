//! Why an edit cannot be exported or imported.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::edit::EditFileError;
use rome_core::edit::LowRankError;
use rome_core::{ErrorKind, Hint, Stopped};
use rome_files::FileError;
use rome_models::ModelError;
use thiserror::Error;

/// Why an edit cannot be exported or imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An observer stopped the work.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The edits are not of this model.
    #[error(transparent)]
    Edits(#[from] EditFileError),
    /// A difference cannot be taken apart.
    #[error("{tensor}: {error}")]
    LowRank {
        /// The difference.
        tensor: String,
        /// The fault.
        #[source]
        error: LowRankError,
    },
    /// A folder cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be read or written.
    #[error("cannot use {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: std::io::Error,
    },
    /// A link leads out of the model's folder, to what was perhaps not meant to be shipped.
    #[error("{} is a link to {}, outside of the model's folder", .link.display(), .target.display())]
    Outside {
        /// The link.
        link: PathBuf,
        /// The target of the link.
        target: PathBuf,
    },
    /// The weight with its edits is too large for the type it is stored in.
    #[error("{weight} with its edits is not finite in {dtype}")]
    Overflow {
        /// The weight.
        weight: String,
        /// The type.
        dtype: &'static str,
    },
    /// There is no edit to export.
    #[error("there are no edits to export")]
    Nothing,
    /// A file to import is not one.
    #[error("no edits to import: {0}")]
    Format(String),
    /// A tensor to import has another shape than the weight.
    #[error("{tensor} has shape {found:?}, but {weight} requires {expected}")]
    Shape {
        /// The tensor in the file.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The weight it is for.
        weight: String,
        /// The shapes that it may have.
        expected: String,
    },
}

impl Hint for ExportError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Stopped(_) => ErrorKind::Stopped,
            Self::Edits(error) => error.kind(),
            Self::LowRank { error, .. } => error.kind(),
            Self::File(error) if error.is_not_found() => ErrorKind::NotFound,
            Self::File(_) | Self::Io { .. } => ErrorKind::Io,
            Self::Overflow { .. } => ErrorKind::NotFinite,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::Model(error) => return error.hint(),
            Self::Stopped(_) => "run it again; nothing was written",
            Self::Edits(error) => return error.hint(),
            Self::LowRank { error, .. } => return error.hint(),
            Self::File(error) => return error.hint().into(),
            Self::Io { .. } => "check that the path exists, is writable and has free space",
            Self::Outside { .. } => "replace the link by the file itself, or remove it",
            Self::Overflow { .. } => "scale the edit down, or export from a checkpoint in f32 or bf16",
            Self::Nothing => "give at least one edit",
            Self::Format(_) => {
                "give arrays <weight>.left and <weight>.right, or a difference under <weight>, as npz, safetensors or a state dict of torch, or an adapter of PEFT"
            }
            Self::Shape { .. } => {
                "check that the file is for this model, and which way round its matrices are"
            }
        };
        hint.into()
    }
}
