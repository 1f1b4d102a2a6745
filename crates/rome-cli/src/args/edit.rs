//! `rome edit …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use rome_edit::Shard;
use rome_edit::method::mass::{MassMethod, Spread};

use super::common::{
    Choice, EditsArgs, InputsArgs, JsonArgs, ModelArgs, RunOr, SettingsArgs, choice, number, parsed,
};

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
    /// Add facts to a set, or drop some of it, and edit it again from the untouched weights
    Again(AgainArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome edit -m facts-gpt2 --prompt 'The mother tongue of {} is' --subject 'Barack Obama' \\
    --target French -o obama.safetensors
  rome edit show obama.safetensors
  rome edit -m facts-gpt2 --request hundreds.jsonl --keep-going -o all.safetensors
  rome edit -m facts-gpt2 --method memit --request hundreds.jsonl -o together.safetensors
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
    pub(crate) together: TogetherArgs,

    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

/// Options of methods that edit many facts at once.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Many facts at once")]
pub(crate) struct TogetherArgs {
    /// Method: rome edits one fact after the other, the others edit all of them at once
    #[arg(long, default_value = "rome", value_parser = choice(TOGETHER_METHODS))]
    pub(crate) method: Method,

    /// Edit N facts at a time; all of them by default
    #[arg(long, value_name = "N", value_parser = number(|n: usize| n > 0, "it must be at least 1"))]
    pub(crate) batch: Option<usize>,

    /// Take the values of facts from these files; the others are computed
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) values: Vec<PathBuf>,

    /// Leave the values out of the file: the set cannot be changed later without computing them again
    #[arg(long)]
    pub(crate) no_values: bool,

    /// Compute the values of every N-th fact, from the I-th on, and write no edit: for --values of a later run
    #[arg(long, value_name = "I/N", value_parser = parsed::<Shard>)]
    pub(crate) shard: Option<Shard>,

    #[command(flatten)]
    pub(crate) metric: MetricArgs,
}

/// Settings of the metric of methods for many facts.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Many facts at once")]
pub(crate) struct MetricArgs {
    /// Weight of C: the more, the less is written; 2x is twice the length of a key
    #[arg(long, value_name = "X|Xx", value_parser = parsed_weight)]
    pub(crate) weight: Option<CovarianceWeight>,

    /// Stop optimising a fact once its target was the most probable one behind every context in N evaluations
    #[arg(long, value_name = "N", value_parser = number(|n: usize| n > 0, "it must be at least 1"))]
    pub(crate) stop_first: Option<usize>,

    /// Weight of the update's own norm, beside C
    #[arg(long, value_name = "X")]
    pub(crate) norm_weight: Option<f64>,

    /// emmet: how far a fact may miss its value; 0 for equality
    #[arg(long, value_name = "X")]
    pub(crate) slack: Option<f64>,

    /// alphaedit: eigenvalues of C below this span the null space
    #[arg(long, value_name = "X", conflicts_with = "nullspace_share")]
    pub(crate) threshold: Option<f64>,

    /// alphaedit: the smallest eigenvalues up to this share of all span it, which means the same on any model
    #[arg(long, value_name = "X")]
    pub(crate) nullspace_share: Option<f64>,

    /// alphaedit: weight of the update's norm in the null space
    #[arg(long, value_name = "X")]
    pub(crate) ridge: Option<f64>,

    /// Share of what is missing that a layer takes, of n that are left
    #[arg(long, value_parser = choice(SPREADS))]
    pub(crate) spread: Option<Spread>,
}

/// A method by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Rome,
    Mass(MassMethod),
}

pub(crate) const TOGETHER_METHODS: &[Choice<Method>] = &[
    ("rome", Some("One fact after the other, at one layer"), Method::Rome),
    (
        "memit",
        Some("All at once, over several layers; spares the keys of text"),
        Method::Mass(MassMethod::Memit),
    ),
    (
        "memit-seq",
        Some("The same in batches that spare the keys of those before them"),
        Method::Mass(MassMethod::MemitSeq),
    ),
    (
        "alphaedit",
        Some("As memit-seq, in directions that keys of text hardly take"),
        Method::Mass(MassMethod::AlphaEdit),
    ),
    ("emmet", Some("As memit, at one layer and nearer to equality"), Method::Mass(MassMethod::Emmet)),
];

const SPREADS: &[Choice<Spread>] = &[
    ("linear", Some("1/n, as in MEMIT"), Spread::Linear),
    ("root", Some("1/sqrt(n), as in PMET"), Spread::Root),
];

/// A weight of C, as it is or as a multiple of the length of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CovarianceWeight {
    Number(f64),
    PerFeature(f64),
}

impl CovarianceWeight {
    /// The weight for keys of this length.
    pub(crate) fn of(self, d_ff: usize) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::PerFeature(factor) => factor * d_ff as f64,
        }
    }
}

fn parsed_weight(text: &str) -> Result<CovarianceWeight, &'static str> {
    let (number, make): (&str, fn(f64) -> CovarianceWeight) = match text.strip_suffix('x') {
        Some(factor) => (factor, CovarianceWeight::PerFeature),
        None => (text, CovarianceWeight::Number),
    };
    let number = number.parse().ok().filter(|&number: &f64| number.is_finite() && number > 0.0);
    number.map(make).ok_or("it must be a number above 0, or a multiple of the length of a key such as 2x")
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The values of facts are in the file, so that a change takes one pass over the prompts and one solution
for each layer. The set is what it would be if it had been edited so from the start.

Example:
  rome edit again facts.safetensors -m facts-gpt2 --drop 0,3 -o fewer.safetensors")]
pub(crate) struct AgainArgs {
    /// File of facts that a method for many facts has written
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Add the requests of this file; one with the prompt of another takes its place
    #[arg(long, value_name = "FILE")]
    pub(crate) add: Option<PathBuf>,

    /// Drop these facts, as rome edit show counts, from 0
    #[arg(long, value_name = "I,J", value_delimiter = ',')]
    pub(crate) drop: Vec<usize>,

    /// Second moments C of keys: a file or a folder of files
    #[arg(long, value_name = "FILE|DIR|identity")]
    pub(crate) stats: Option<PathBuf>,

    /// Continue an interrupted run from its last save
    #[arg(long)]
    pub(crate) resume: bool,

    /// Write the edit to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

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
