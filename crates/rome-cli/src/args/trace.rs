//! `rome trace`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use rome_edit::{CutNoise, PathCut, TraceKind, TraceSettings};

use super::common::{Choice, EditsArgs, JsonArgs, ModelArgs, choice};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome trace -m facts-gpt2 --prompt 'The mother tongue of {} is' --subject 'Barack Obama' -o obama.svg
  rome trace -m facts-gpt2 --prompt 'iPhone 5 is produced by' --subject 'iPhone 5' --kind all \\
    --window 3 -o iphone.png
  rome trace -m openai-community/gpt2-xl --facts known_1000.json --kind all -o traces")]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// The prompt, with {} for the subject, or a sentence that contains it
    #[arg(long, requires = "subject", required_unless_present = "facts", conflicts_with = "facts")]
    pub(crate) prompt: Option<String>,

    /// What the fact is about
    #[arg(long, requires = "prompt")]
    pub(crate) subject: Option<String>,

    /// Trace many facts and average them: a file such as known_1000.json, or "bundled" for those of a
    /// bundled model
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,

    /// Only the first N facts that the model knows
    #[arg(long, value_name = "N", requires = "facts", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Go on after a fact that is malformed
    #[arg(long, requires = "facts")]
    pub(crate) keep_going: bool,

    /// What is restored: the output of one block, or those of MLPs or attention around it
    #[arg(long, default_value = "state", value_parser = choice(KINDS))]
    pub(crate) kind: &'static [TraceKind],

    /// At so many layers at once, for mlp and attn
    #[arg(long, default_value_t = 10, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) window: u32,

    /// Cut the paths through the MLPs or attention of the token whose state is restored
    #[arg(long, value_name = "KIND", value_parser = choice(CUT_KINDS))]
    pub(crate) sever: Option<TraceKind>,

    /// Give cut paths other noise than the rest, as the reference does
    #[arg(long, requires = "sever")]
    pub(crate) compatible: bool,

    /// How often the prompt is corrupted
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) samples: u32,

    /// The noise on the subject's embeddings: a standard deviation, or s3 for three times that of the
    /// embeddings of known subjects
    #[arg(long, default_value = "s3", value_name = "s3|X")]
    pub(crate) noise: String,

    /// The noise itself: safetensors with "noise", [samples, subject tokens, d_model], already scaled
    #[arg(long, value_name = "FILE", conflicts_with_all = ["noise", "facts"])]
    pub(crate) noise_file: Option<PathBuf>,

    /// Where to write: FILE.json, FILE.svg or FILE.png; a folder for many facts
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

const KINDS: &[Choice<&[TraceKind]>] = &[
    ("state", None, &[TraceKind::State]),
    ("mlp", None, &[TraceKind::Mlp]),
    ("attn", None, &[TraceKind::Attn]),
    ("all", Some("All three, side by side"), &TraceKind::ALL),
];

const CUT_KINDS: &[Choice<TraceKind>] = &[("mlp", None, TraceKind::Mlp), ("attn", None, TraceKind::Attn)];

impl TraceArgs {
    /// The settings of the traces of a prompt.
    pub(crate) fn settings(&self) -> TraceSettings {
        let noise = if self.compatible { CutNoise::Other } else { CutNoise::Same };
        TraceSettings {
            kinds: self.kind.to_vec(),
            window: self.window as usize,
            cut: self.sever.map(|kind| PathCut { kind, noise }),
            samples: self.samples as usize,
        }
    }
}
