//! A case to compare, as a person describes it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use fixtures::random::Shape;

use crate::program;

/// The task, by the flags of `rome edit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Case {
    /// The model: a folder in Hugging Face form, or the name of a bundled one
    #[arg(short, long, default_value = "facts-gpt2", conflicts_with = "shape")]
    pub(crate) model: String,

    /// A model of random weights in this shape, made when it is first asked for
    #[arg(long)]
    pub(crate) shape: Option<Size>,

    /// The prompt, with {} for the subject
    #[arg(long, default_value = "{} is produced by")]
    pub(crate) prompt: String,

    /// The subject of the fact
    #[arg(long, default_value = "iPhone 5")]
    pub(crate) subject: String,

    /// The new object
    #[arg(long, default_value = "Nokia")]
    pub(crate) target: String,

    /// The layer to edit
    #[arg(long, value_name = "N")]
    pub(crate) layer: Option<usize>,

    /// The settings of the original; those of the bundled models by default
    #[arg(long, value_name = "FILE")]
    pub(crate) hparams: Option<PathBuf>,

    /// A JSON list of context templates; 21 that the original sampled by default
    #[arg(long, value_name = "FILE")]
    pub(crate) contexts: Option<PathBuf>,

    /// The second moment of the layer, npz or safetensors, or "identity" for none
    #[arg(long, default_value = "identity", value_name = "FILE|identity")]
    pub(crate) second_moment: String,

    /// Device that ours computes on, as rome names it; the original takes a CUDA device if torch finds one
    #[arg(long, default_value = "cpu", value_name = "NAME", env = "ROME_DEVICE")]
    pub(crate) device: String,

    /// A rome to run; it is built otherwise, as a release
    #[arg(long, value_name = "EXE")]
    pub(crate) rome: Option<PathBuf>,

    /// Threads for both programs; all there are by default
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// The published sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Size {
    /// 12 blocks of 768
    Gpt2,
    /// 24 blocks of 1024
    Gpt2Medium,
    /// 36 blocks of 1280
    Gpt2Large,
    /// 48 blocks of 1600
    Gpt2Xl,
    /// 28 blocks of 4096
    GptJ,
    /// 16 blocks of 2048, 8 of 32 heads for keys
    #[value(name = "llama3.2-1b")]
    Llama1b,
    /// 32 blocks of 4096, 8 of 32 heads for keys, in bf16
    #[value(name = "llama3-8b")]
    Llama8b,
}

impl Size {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Gpt2 => Shape::GPT2,
            Self::Gpt2Medium => Shape::GPT2_MEDIUM,
            Self::Gpt2Large => Shape::GPT2_LARGE,
            Self::Gpt2Xl => Shape::GPT2_XL,
            Self::GptJ => Shape::GPTJ,
            Self::Llama1b => Shape::LLAMA_1B,
            Self::Llama8b => Shape::LLAMA_8B,
        }
    }

    /// The layer to edit: the published one of GPT-2 XL and GPT-J, and what is as deep in the others.
    pub(crate) fn layer(self) -> usize {
        match self {
            Self::Gpt2 => 5,
            Self::Gpt2Medium => 8,
            Self::Gpt2Large => 12,
            Self::Gpt2Xl => 17,
            Self::GptJ | Self::Llama1b | Self::Llama8b => 5,
        }
    }
}

impl Case {
    pub(crate) fn name(&self) -> &str {
        match self.shape {
            Some(size) => size.shape().name,
            None => &self.model,
        }
    }

    /// The bundled model that is asked for, if it is one.
    pub(crate) fn bundled(&self) -> Option<&str> {
        let is_bundled = self.shape.is_none() && fixtures::MODELS.contains(&self.model.as_str());
        is_bundled.then_some(&self.model)
    }

    /// The program to run: the one that is given, or a release of this source.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        match &self.rome {
            Some(path) => path.canonicalize().with_context(|| format!("there is no {}", path.display())),
            None => program::build(&Vec::from_iter(self.backend())),
        }
    }

    /// The backend to build rome with, beside the default one.
    pub(crate) fn backend(&self) -> Option<String> {
        let name = self.device.split(':').next().unwrap_or_default();
        (!["cpu", "flex", "auto"].contains(&name)).then(|| name.to_owned())
    }

    /// True if the user asked for a task of their own.
    pub(crate) fn is_given(&self) -> bool {
        self.shape.is_some()
            || self.model != "facts-gpt2"
            || self.layer.is_some()
            || self.threads.is_some()
            || self.device != "cpu"
    }
}
