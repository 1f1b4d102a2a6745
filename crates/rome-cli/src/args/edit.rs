//! `rome edit …`

use std::path::PathBuf;

use clap::{ArgMatches, Args as ClapArgs, Command, FromArgMatches, Subcommand, ValueEnum};
use rome_core::Variant;

use super::ModelArgs;

/// Make edits, or look at and change files of them.
///
/// The options that make an edit stand beside the commands that take files of edits, so that the
/// plain `rome edit` needs no third word.
#[derive(Debug)]
pub(crate) enum EditArgs {
    Make(Box<MakeArgs>),
    File(EditFileCommand),
}

impl ClapArgs for EditArgs {
    fn augment_args(command: Command) -> Command {
        let command = EditFileCommand::augment_subcommands(MakeArgs::augment_args(command));
        command.subcommand_required(false).subcommand_negates_reqs(true).args_conflicts_with_subcommands(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for EditArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_name() {
            Some(_) => EditFileCommand::from_arg_matches(matches).map(EditArgs::File),
            None => MakeArgs::from_arg_matches(matches).map(|args| EditArgs::Make(Box::new(args))),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

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
#[command(after_help = MAKE_EXAMPLES)]
pub(crate) struct MakeArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

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

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const MAKE_EXAMPLES: &str = "\
Examples:
  rome edit -m facts-gpt2 --prompt 'The mother tongue of {} is' --subject 'Barack Obama' \\
    --target French -o obama.safetensors
  rome edit show obama.safetensors
  rome edit -m facts-gpt2 --request hundreds.jsonl --keep-going -o all.safetensors
  rome generate -m facts-gpt2 --edit obama.safetensors --greedy 'Barack Obama, a native'";

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
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = finite)]
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
  rome edit import theirs.npz -m gpt2-xl -o edit.safetensors")]
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
    #[arg(long, value_name = "X", value_parser = share)]
    pub(crate) tolerance: Option<f64>,

    /// Differences are stored the other way round than the model's weights
    #[arg(long)]
    pub(crate) transposed: bool,
}

fn finite(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if f64::is_finite(value) => Ok(value),
        _ => Err("it is not a number".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..1.0).contains(&value) => Ok(value),
        _ => Err("it is not a number from 0 to below 1".to_owned()),
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RequestArgs {
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
}

/// What edits are computed over.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = None)]
pub(crate) struct InputsArgs {
    /// Statistics: a file, a folder of files, or "identity" for none
    #[arg(long, value_name = "FILE|DIR|identity")]
    pub(crate) stats: Option<PathBuf>,

    /// A JSON list of contexts, templates or token lists; sampled from the model by default
    #[arg(long, value_name = "FILE")]
    pub(crate) contexts: Option<PathBuf>,

    /// A JSON list of preservation prompts; "{} is a" by default
    #[arg(long, value_name = "FILE")]
    pub(crate) preserve: Option<PathBuf>,

    /// The seed of the sampled contexts
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Settings, published or derived from published ones by default")]
pub(crate) struct SettingsArgs {
    /// The settings file of the reference (hparams/ROME/*.json); the options below win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) hparams: Option<PathBuf>,

    /// The layer to edit, or several with commas
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) layer: Option<Vec<usize>>,

    /// The form of the update
    #[arg(long)]
    pub(crate) variant: Option<VariantArg>,

    /// Steps of the optimisation
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<usize>,

    /// The learning rate
    #[arg(long, value_name = "X")]
    pub(crate) learning_rate: Option<f64>,

    /// The weight decay
    #[arg(long, value_name = "X")]
    pub(crate) weight_decay: Option<f64>,

    /// The greatest change, relative to the value's norm
    #[arg(long, value_name = "X")]
    pub(crate) clamp: Option<f64>,

    /// The factor of the KL term
    #[arg(long, value_name = "X")]
    pub(crate) kl_factor: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum VariantArg {
    /// As kmeng01/rome has it
    Reference,
    /// The mean key throughout, as zkl-knowedit-rome has it
    MeanKey,
    /// The mean key throughout, to the value of the clean prompt (R-ROME)
    RRome,
    /// The clean prompt's key throughout (P-ROME)
    PRome,
}

impl From<VariantArg> for Variant {
    fn from(arg: VariantArg) -> Self {
        match arg {
            VariantArg::Reference => Variant::Reference,
            VariantArg::MeanKey => Variant::MeanKey,
            VariantArg::RRome => Variant::RRome,
            VariantArg::PRome => Variant::PRome,
        }
    }
}
