//! `rome trace`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use rome_edit::{CutNoise, NoiseScale, PathCut, TraceKind, TraceSettings};

use super::common::{Choice, EditsArgs, JsonArgs, ModelArgs, choice, parsed};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome trace -m facts-gpt2 --prompt 'The mother tongue of {} is' --subject 'Barack Obama' \\
    -o obama.svg
  rome trace -m facts-gpt2 --prompt 'iPhone 5 is produced by' --subject 'iPhone 5' --kind all \\
    --window 3 -o iphone.png
  rome trace -m openai-community/gpt2-xl --facts known_1000.json --kind all -o traces")]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// Prompt, with {} in place of the subject, or a sentence that contains it
    #[arg(
        long,
        requires = "subject",
        required_unless_present = "facts",
        conflicts_with = "facts",
        allow_hyphen_values = true,
        help_heading = "Facts"
    )]
    pub(crate) prompt: Option<String>,

    /// Subject of the fact
    #[arg(long, requires = "prompt", allow_hyphen_values = true, help_heading = "Facts")]
    pub(crate) subject: Option<String>,

    /// Answer to trace, such as French, instead of the most probable token
    #[arg(
        long,
        value_name = "TEXT",
        requires = "prompt",
        allow_hyphen_values = true,
        help_heading = "Facts"
    )]
    pub(crate) answer: Option<String>,

    /// Trace many facts and average them: a file such as known_1000.json, or "bundled" for those of a
    /// bundled model
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    pub(crate) facts: Option<PathBuf>,

    /// Trace only the first N facts that the model knows
    #[arg(long, value_name = "N", requires = "facts", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Facts")]
    pub(crate) limit: Option<u32>,

    /// Continue after a malformed fact
    #[arg(long, requires = "facts", help_heading = "Facts")]
    pub(crate) keep_going: bool,

    /// Outputs to restore: the hidden state of one layer, or those of MLPs or attention around it
    #[arg(long, default_value = "state", value_parser = choice(KINDS), help_heading = "Tracing")]
    pub(crate) kind: &'static [TraceKind],

    /// Number of layers restored together (mlp, attn)
    #[arg(long, default_value_t = 10, value_name = "W", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Tracing")]
    pub(crate) window: u32,

    /// Sever the paths through the MLPs or attention of the token whose state is restored
    #[arg(long, value_name = "KIND", value_parser = choice(CUT_KINDS), help_heading = "Tracing")]
    pub(crate) sever: Option<TraceKind>,

    /// Use different noise for severed paths, as kmeng01/rome does
    #[arg(long, requires = "sever", help_heading = "Tracing")]
    pub(crate) compatible: bool,

    /// Number of corrupted runs
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Tracing")]
    pub(crate) samples: u32,

    /// Noise on the subject's embeddings: a standard deviation, or s3 for three times that of the
    /// embeddings of known subjects
    #[arg(long, default_value = "s3", value_name = "s3|X", value_parser = parsed::<NoiseScale>, help_heading = "Tracing")]
    pub(crate) noise: NoiseScale,

    /// Read the scaled noise from a safetensors file: "noise" [samples, subject tokens, d_model]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["noise", "facts"], help_heading = "Tracing")]
    pub(crate) noise_file: Option<PathBuf>,

    /// Write to FILE.json, FILE.svg or FILE.png; for many facts, to a folder
    #[arg(short, long, value_name = "FILE|DIR", help_heading = "Output")]
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
