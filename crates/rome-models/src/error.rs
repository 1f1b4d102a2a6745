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
    /// The tokenizer's files are of a kind that is not read.
    #[error("{place} has {file} and no tokenizer.json, and {file} is not read")]
    Vocabulary {
        /// The folder or hub name.
        place: String,
        /// The file.
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
    #[error("the checkpoint has no tensor {name:?}, which its configuration requires{}", without_place(.others))]
    MissingTensor {
        /// The canonical name.
        name: String,
        /// The canonical names of tensors that have not found their place so far.
        others: Vec<String>,
    },
    /// The checkpoint is quantized.
    #[error("the checkpoint is quantized ({how}), and only F32, F16 and BF16 are supported")]
    Quantized {
        /// The method, or a tensor and its type.
        how: String,
    },
    /// The configuration is of a family that is not supported.
    #[error("config.json: {field} {model_type:?} is not supported{}", because(.reason))]
    Family {
        /// The path of the field that names it.
        field: &'static str,
        /// The `model_type`.
        model_type: String,
        /// Why, if it is known; else nothing.
        reason: String,
    },
    /// A tied model has a head of its own beside its embeddings.
    #[error(
        "{head} and {embeddings} differ, though config.json ties them: transformers 5 takes the first for the head, and transformers 4 the second"
    )]
    TiedHead {
        /// The name of the head.
        head: String,
        /// The name of the embeddings.
        embeddings: String,
    },
    /// A name is that of a file.
    #[error("{name:?} is a file, and a model is a folder")]
    File {
        /// The name given.
        name: String,
    },
    /// A folder holds an adapter.
    #[error("{place} is an adapter{}, not a model", of_base(.base))]
    Adapter {
        /// The folder.
        place: String,
        /// The model that it is for, if it says so.
        base: Option<String>,
    },
    /// A file of the hub is not in the cache, and nothing may be fetched.
    #[error("{file} of {name} is not in the cache, and {variable} forbids to fetch it")]
    Offline {
        /// The hub name.
        name: String,
        /// The file.
        file: String,
        /// The environment variable that says so.
        variable: &'static str,
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
            Self::NotFound { .. } | Self::MissingFile { .. } | Self::Offline { .. } => ErrorKind::NotFound,
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
            Self::Config { .. } => "mend the field in config.json, or download the file again",
            Self::Family { reason, .. } if reason.is_empty() => {
                "use a decoder of a supported family in Hugging Face form; docs/families.md lists them"
            }
            Self::Family { .. } => "use a dense decoder with attention; docs/families.md lists the families",
            Self::TiedHead { .. } => {
                "delete the head from the weights, or set \"tie_word_embeddings\": false in config.json"
            }
            Self::Quantized { .. } => {
                "give the original checkpoint; a quantized one cannot be edited exactly"
            }
            Self::File { name } if name.ends_with(".gguf") => {
                "give the folder of the checkpoint that the GGUF file was made from; GGUF files are not read"
            }
            Self::File { .. } => "give the folder that holds it, with config.json and a tokenizer",
            Self::Adapter { .. } => "load its base, and import the adapter as an edit",
            Self::Offline { .. } => "unset the variable, or download the model and give its folder",
            Self::Vocabulary { .. } => {
                "write a tokenizer.json with transformers: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            }
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

impl ModelError {
    /// Says what is wrong with a file's content.
    pub(crate) fn malformed(file: &str, reason: impl ToString) -> Self {
        Self::Malformed { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// Names the tensors that have no place, beside one that is missing.
fn without_place(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; it has {} others: {}", names.len(), list(names)) }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn of_base(base: &Option<String>) -> String {
    base.as_ref().map_or_else(String::new, |base| format!(" of {base}"))
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { shown + ", …" } else { shown }
}
