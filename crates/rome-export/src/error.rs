//! Why an edit cannot be exported or imported.

use std::path::PathBuf;

use rome_core::edit_file::EditFileError;
use rome_core::low_rank::LowRankError;
use rome_files::FileError;
use rome_models::ModelError;
use thiserror::Error;

/// Why an edit cannot be exported or imported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The edits are not of this model.
    #[error(transparent)]
    Edits(#[from] EditFileError),
    /// A difference cannot be taken apart.
    #[error("{tensor}: {error}")]
    LowRank {
        /// The difference.
        tensor: String,
        /// What is wrong.
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
        error: std::io::Error,
    },
    /// A link leads out of the model's folder, to what was perhaps not meant to be shipped.
    #[error("{} is a link to {}, outside of the model's folder", .link.display(), .target.display())]
    Outside {
        /// The link.
        link: PathBuf,
        /// Where it leads.
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
    #[error("{tensor} has shape {found:?}, and {weight} asks for {expected}")]
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

impl ExportError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Model(error) => error.hint(),
            Self::Edits(error) => error.hint(),
            Self::LowRank { error, .. } => error.hint(),
            Self::File(error) => error.hint(),
            Self::Io { .. } => "check that the place exists, has room and may be used",
            Self::Outside { .. } => "put the file itself there, or take the link away",
            Self::Overflow { .. } => "scale the edit down, or export from a checkpoint in f32 or bf16",
            Self::Nothing => "give edits with --edit FILE",
            Self::Format(_) => {
                "give arrays <weight>.left and <weight>.right, or a difference under <weight>, as npz or safetensors"
            }
            Self::Shape { .. } => {
                "check that the file is for this model, and which way round its matrices are"
            }
        }
    }
}
