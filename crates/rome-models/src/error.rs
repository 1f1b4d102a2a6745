//! Why a model cannot be loaded.

use std::borrow::Cow;
use std::path::PathBuf;

use rome_core::Precision;
use rome_core::{ErrorKind, Hint, Stopped};
use thiserror::Error;

/// Why a model cannot be loaded: what is wrong, and in which file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no such folder, and the name is not one of the hub's.
    #[error("no model at {name:?}: there is no such folder")]
    NotFound {
        /// The name given.
        name: String,
    },
    /// A file is needed and is not there.
    #[error("{place} has no {file}")]
    MissingFile {
        /// The folder or hub name.
        place: String,
        /// The file or files looked for.
        file: String,
    },
    /// A file of the hub is not in the cache and could not be fetched.
    #[error("{file} of {name} is not in the cache and could not be fetched: {reason}")]
    Fetch {
        /// The hub name.
        name: String,
        /// The file.
        file: String,
        /// The message of the network.
        reason: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: std::io::Error,
    },
    /// A file's content is not what it should be.
    #[error("{file}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// A file was written to while it was read.
    #[error("{file} changed while it was being read")]
    Changed {
        /// The file.
        file: String,
    },
    /// The configuration describes something that is not supported.
    #[error("config.json: {reason}")]
    Config {
        /// The reason.
        reason: String,
    },
    /// The model needs a tensor that the checkpoint lacks.
    #[error("the checkpoint has no tensor {name:?}, which its configuration requires")]
    MissingTensor {
        /// The canonical name.
        name: String,
    },
    /// The checkpoint has tensors that the model has no place for.
    #[error("the checkpoint has {} tensors that its configuration does not use: {}", .names.len(), list(.names))]
    UnusedTensors {
        /// The canonical names.
        names: Vec<String>,
    },
    /// A tensor has another shape than the configuration says.
    #[error("the tensor {name:?} has shape {found:?}, but the configuration requires {expected:?}")]
    Shape {
        /// The canonical name.
        name: String,
        /// The shape that follows from the configuration.
        expected: Vec<usize>,
        /// The shape in the checkpoint.
        found: Vec<usize>,
    },
    /// A tensor is of a type that weights are not held in.
    #[error("the tensor {name:?} is stored as {dtype}, and only F32, F16 and BF16 are supported")]
    DType {
        /// The canonical name.
        name: String,
        /// The type.
        dtype: String,
    },
    /// A weight is infinite or not a number.
    #[error("the tensor {name:?} holds values that are not finite")]
    NotFinite {
        /// The canonical name.
        name: String,
    },
    /// A weight is greater than the precision asked for can say.
    #[error("the tensor {name:?} holds values that are too large for {}", .precision.name())]
    Overflow {
        /// The canonical name.
        name: String,
        /// The precision that was asked for.
        precision: Precision,
    },
    /// The device does not compute in the precision asked for.
    #[error("the device does not support weights in {}", .precision.name())]
    Precision {
        /// The precision that was asked for.
        precision: Precision,
    },
    /// An observer stopped the work.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Hint for ModelError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::MissingFile { .. } => ErrorKind::NotFound,
            Self::Fetch { .. } | Self::Io { .. } | Self::Changed { .. } => ErrorKind::Io,
            Self::NotFinite { .. } | Self::Overflow { .. } => ErrorKind::NotFinite,
            Self::Precision { .. } => ErrorKind::Device,
            Self::Stopped(_) => ErrorKind::Stopped,
            _ => ErrorKind::Invalid,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        let hint = match self {
            Self::NotFound { .. } => {
                "give a folder with config.json and model.safetensors, a hub name such as openai-community/gpt2-xl, or facts-gpt2"
            }
            Self::MissingFile { .. } => {
                "a model folder holds config.json, model.safetensors (or its sharded index, or pytorch_model.bin) and tokenizer.json (or vocab.json and merges.txt)"
            }
            Self::Fetch { .. } => "connect to the network once, or download the model and give its folder",
            Self::Io { .. } => "check that the file exists and is readable",
            Self::Changed { .. } => "run this again when nothing writes to the model's folder",
            Self::Malformed { .. } => "download the file again; it may be truncated",
            Self::Config { .. } => "use a GPT-2 or GPT-J model in Hugging Face form",
            Self::MissingTensor { .. } | Self::UnusedTensors { .. } | Self::Shape { .. } => {
                "config.json and the weights must belong to the same model"
            }
            Self::DType { .. } => "convert the checkpoint to one of these types",
            Self::NotFinite { .. } => "the checkpoint is damaged; download it again",
            Self::Overflow { .. } => "use bf16, which has the range of f32",
            Self::Precision { .. } => "use f32, which every device supports",
            Self::Stopped(_) => "run it again; saved results are kept",
        };
        hint.into()
    }
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { shown + ", …" } else { shown }
}
