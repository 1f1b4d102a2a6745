//! `rome edit …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::common::{EditsArgs, InputsArgs, JsonArgs, ModelArgs, RunOr, SettingsArgs, number};

pub(crate) type EditArgs = RunOr<MakeArgs, EditFileCommand>;

/// Commands on edit files.
#[derive(Debug, Subcommand)]
pub(crate) enum EditFileCommand {
    /// Show the contents and the origin of an edit file
    Show(EditShowArgs),
    /// Combine the edits of several files into one, in order
    Combine(CombineArgs),
    /// Multiply edits by a factor: 0.5 moves half as far, -1 the other way
    Scale(ScaleArgs),
    /// Remove one edit from a file
    Drop(DropArgs),
    /// Import edits of other tools, as vectors or as weight differences
    Import(ImportArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome edit -m facts-gpt2 --prompt 'The mother tongue of {} is' --subject 'Barack Obama' \\
    --target French -o obama.safetensors
  rome edit show obama.safetensors
  rome edit -m facts-gpt2 --request hundreds.jsonl --keep-going -o all.safetensors
  rome generate -m facts-gpt2 --edit obama.safetensors --greedy 'Barack Obama, a native'")]
pub(crate) struct MakeArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Prompt, with {} in place of the subject, or a sentence that contains it
    #[arg(
        long,
        requires_all = ["subject", "target"],
        required_unless_present = "request",
        allow_hyphen_values = true,
        help_heading = "Request"
    )]
    pub(crate) prompt: Option<String>,

    /// Subject of the fact
    #[arg(long, requires = "prompt", allow_hyphen_values = true, help_heading = "Request")]
    pub(crate) subject: Option<String>,

    /// New object of the fact
    #[arg(long, requires = "prompt", allow_hyphen_values = true, help_heading = "Request")]
    pub(crate) target: Option<String>,

    /// Read one request or a list of them from this file, as JSON or JSONL
    #[arg(long, value_name = "FILE", conflicts_with = "prompt", help_heading = "Request")]
    pub(crate) request: Option<PathBuf>,

    /// Write the edit to this file
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// Continue after a failed request; the table at the end gives the reason
    #[arg(long, help_heading = "Run")]
    pub(crate) keep_going: bool,

    /// Continue an interrupted run from its last save
    #[arg(long, help_heading = "Run")]
    pub(crate) resume: bool,

    /// Continue even if the model collapses: if its perplexity on the built-in text is ten times what it was
    #[arg(long, help_heading = "Run")]
    pub(crate) allow_collapse: bool,

    /// Save progress every SECONDS
    #[arg(long, value_name = "SECONDS", default_value_t = 10, help_heading = "Run")]
    pub(crate) save_every: u64,

    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit show obama.safetensors -m facts-gpt2")]
pub(crate) struct EditShowArgs {
    /// Edit file, or a ledger's folder for its active edits
    pub(crate) file: PathBuf,

    /// Check that the edits were made for this model
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Print the whole record as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit combine obama.safetensors iphone.safetensors -o both.safetensors")]
pub(crate) struct CombineArgs {
    /// Edit files, in the order in which to apply them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Write the edits to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Combine edits of different models; applying the result needs --force again
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit scale obama.safetensors --by 0.5 -o half.safetensors")]
pub(crate) struct ScaleArgs {
    /// Edit file
    pub(crate) file: PathBuf,

    /// Multiply by this factor
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number(f64::is_finite, "it must be a number"))]
    pub(crate) by: f64,

    /// Write the edits to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit drop both.safetensors --number 0 -o iphone.safetensors")]
pub(crate) struct DropArgs {
    /// Edit file
    pub(crate) file: PathBuf,

    /// Number of the edit to remove, as rome edit show counts, from 0
    #[arg(long, value_name = "N")]
    pub(crate) number: usize,

    /// Write the remaining edits to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Arrays are <weight>.left [n, inputs] with <weight>.right [n, outputs], or a difference under the
weight's name, in the layout of the model's checkpoints. A difference is decomposed by its singular
values into as few rank-one updates as possible.

Example:
  rome edit import theirs.npz -m openai-community/gpt2-xl -o edit.safetensors")]
pub(crate) struct ImportArgs {
    /// File of arrays, .npz or .safetensors
    pub(crate) file: PathBuf,

    /// Model that the arrays are for: a folder, a hub name or a bundled model
    #[arg(short, long, value_name = "MODEL", env = "ROME_MODEL")]
    pub(crate) model: String,

    /// Write the edits to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Drop singular values up to this share of the largest; the rounding of f32 by default
    #[arg(long, value_name = "X", value_parser = number(is_share, "it must be at least 0 and below 1"))]
    pub(crate) tolerance: Option<f64>,

    /// Transpose differences: they are stored the other way round than the model's weights
    #[arg(long)]
    pub(crate) transposed: bool,
}

fn is_share(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}
