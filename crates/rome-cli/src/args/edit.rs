//! `rome edit …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::common::{InputsArgs, JsonArgs, ModelArgs, RunOr, SettingsArgs, number};

pub(crate) type EditArgs = RunOr<MakeArgs, EditFileCommand>;

/// What is done to files of edits.
#[derive(Debug, Subcommand)]
pub(crate) enum EditFileCommand {
    /// Show what a file of edits holds and how it came about
    Show(EditShowArgs),
    /// Put the edits of several files into one, in order
    Combine(CombineArgs),
    /// Multiply edits: by 0.5 they move half as far, by -1 the other way
    Scale(ScaleArgs),
    /// Take one edit out of a file
    Drop(DropArgs),
    /// Take edits of other tools, as vectors or as differences of weights
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

    /// The prompt, with {} for the subject, or a sentence that contains it
    #[arg(long, requires_all = ["subject", "target"], required_unless_present = "request")]
    pub(crate) prompt: Option<String>,

    /// What the fact is about
    #[arg(long, requires = "prompt")]
    pub(crate) subject: Option<String>,

    /// The new object
    #[arg(long, requires = "prompt")]
    pub(crate) target: Option<String>,

    /// One request or a list of them, as JSON or JSONL
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub(crate) request: Option<PathBuf>,

    /// Where to write the edit
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Edit on top of these edits: files, or a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1..)]
    pub(crate) edits: Vec<PathBuf>,

    /// Apply those even if they were made for other weights, on which they may do nothing, or harm
    #[arg(long, requires = "edits")]
    pub(crate) force: bool,

    /// Of many requests, go on after one that fails; the table at the end says why it did
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Of many requests, go on from where an interrupted run was last saved
    #[arg(long)]
    pub(crate) resume: bool,

    /// Of many requests, go on even if the model collapses under them: if its perplexity on text is ten times
    /// what it was
    #[arg(long)]
    pub(crate) allow_collapse: bool,

    /// Of many requests, save what there is after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
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
    /// A file of edits, or a ledger's folder for those it has on now
    pub(crate) file: PathBuf,

    /// Check that it was made for this model
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Print one JSON object, with all that was recorded
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit combine obama.safetensors iphone.safetensors -o both.safetensors")]
pub(crate) struct CombineArgs {
    /// Files of edits, in the order that they shall be applied
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Where to write them
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Combine edits of different models; applying the file will ask for --force again
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit scale obama.safetensors --by 0.5 -o half.safetensors")]
pub(crate) struct ScaleArgs {
    /// A file of edits
    pub(crate) file: PathBuf,

    /// What to multiply by
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = number(f64::is_finite, "it is not a number"))]
    pub(crate) by: f64,

    /// Where to write them
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  rome edit drop both.safetensors --number 0 -o iphone.safetensors")]
pub(crate) struct DropArgs {
    /// A file of edits
    pub(crate) file: PathBuf,

    /// Which one, as rome edit show counts them, from 0
    #[arg(long, value_name = "N")]
    pub(crate) number: usize,

    /// Where to write the others
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Arrays are <weight>.left [n, inputs] with <weight>.right [n, outputs], or a difference under the
weight's name, stored as the model's checkpoints store the weight. A difference is taken apart by its
singular values, into as few rank-one updates as it is made of.

Example:
  rome edit import theirs.npz -m openai-community/gpt2-xl -o edit.safetensors")]
pub(crate) struct ImportArgs {
    /// A file of arrays, .npz or .safetensors
    pub(crate) file: PathBuf,

    /// The model that they are for: a folder, a hub name or a bundled model
    #[arg(short, long, value_name = "MODEL", env = "ROME_MODEL")]
    pub(crate) model: String,

    /// Where to write the edits
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Leave out singular values up to this share of the greatest; the rounding of f32 by default
    #[arg(long, value_name = "X", value_parser = number(is_share, "it is not a number from 0 to below 1"))]
    pub(crate) tolerance: Option<f64>,

    /// Differences are stored the other way round than the model's weights
    #[arg(long)]
    pub(crate) transposed: bool,
}

fn is_share(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}
