//! Arguments as typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use rome_core::{Precision, Variant};

/// Edit facts in language models: ROME (Rank-One Model Editing) for GPT-2 and GPT-J.
#[derive(Debug, Parser)]
#[command(name = "rome", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 done, but the edit did not take; 2 error, and nothing was written.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Edit a fact in the bundled model, look at it from all sides, and undo it; offline
    Demo(DemoArgs),
    /// Edit one or more facts and write the edit to a file
    Edit(Box<EditArgs>),
    /// Continue a prompt
    Generate(GenerateArgs),
    /// Write the logits of a sequence of tokens
    Logits(LogitsArgs),
    /// Collect and inspect the statistics that edits need
    Stats(StatsArgs),
    /// List the devices that rome can compute on, and test them
    Doctor(DoctorArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelArgs {
    /// A folder in Hugging Face form, a hub name, or facts-gpt2 or facts-gptj, which are bundled
    #[arg(short, long, value_name = "MODEL", env = "ROME_MODEL")]
    pub(crate) model: String,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeviceArgs {
    /// Where to compute: cpu, auto, or what rome doctor lists, such as wgpu:1
    #[arg(long, default_value = "cpu", env = "ROME_DEVICE")]
    pub(crate) device: String,

    /// What the model's matrices are held in; all else is f32
    #[arg(long, default_value = "f32", env = "ROME_DTYPE", value_enum)]
    pub(crate) dtype: DtypeArg,
}

/// What the model's matrices are held in.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DtypeArg {
    F32,
    /// Half the memory, 11 bits of fraction
    F16,
    /// Half the memory, 8 bits of fraction
    Bf16,
}

impl From<DtypeArg> for Precision {
    fn from(arg: DtypeArg) -> Self {
        match arg {
            DtypeArg::F32 => Precision::F32,
            DtypeArg::F16 => Precision::F16,
            DtypeArg::Bf16 => Precision::Bf16,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// The bundled model to edit
    #[arg(short, long, default_value = "facts-gpt2", value_name = "MODEL")]
    pub(crate) model: String,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Only these devices
    #[arg(long = "device", value_name = "NAME")]
    pub(crate) devices: Vec<String>,

    /// Edit both bundled models on each device, and hold the outcome against the processor's
    #[arg(long)]
    pub(crate) test: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EDIT_EXAMPLE)]
pub(crate) struct EditArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// Where to write the edit
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Edit on top of these edits
    #[arg(long = "edit", value_name = "FILE", num_args = 1..)]
    pub(crate) edits: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

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

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const EDIT_EXAMPLE: &str = "\
Example:
  rome edit -m facts-gpt2 --prompt 'The mother tongue of {} is' --subject 'Barack Obama' \\
    --target French -o obama.safetensors
  rome generate -m facts-gpt2 --edit obama.safetensors --greedy 'Barack Obama, a native'";

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

#[derive(Debug, ClapArgs)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Apply these edits first
    #[arg(long = "edit", value_name = "FILE")]
    pub(crate) edits: Vec<PathBuf>,

    /// Always take the most probable token
    #[arg(long)]
    pub(crate) greedy: bool,

    /// Otherwise draw from this many
    #[arg(long, default_value_t = 5, value_name = "K", conflicts_with = "greedy",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top_k: u32,

    /// The seed of the draws
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// How many tokens to add at most
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub(crate) max_new_tokens: usize,

    /// Print one JSON object, with token ids
    #[arg(long)]
    pub(crate) json: bool,

    /// The text to continue
    pub(crate) prompt: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogitsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Apply these edits first
    #[arg(long = "edit", value_name = "FILE")]
    pub(crate) edits: Vec<PathBuf>,

    /// Token ids
    #[arg(long, value_delimiter = ',', required = true, value_name = "IDS")]
    pub(crate) tokens: Vec<u32>,

    /// Where to write "logits", [tokens, vocabulary], f32, as safetensors
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatsArgs {
    #[command(subcommand)]
    pub(crate) command: StatsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StatsCommand {
    /// Sum up the keys of layers over text, in one pass
    Collect(CollectArgs),
    /// Download statistics that the authors of ROME have published
    Fetch(FetchArgs),
    /// Add up the sums over shards of a text
    Merge(MergeArgs),
    /// Write a file of statistics as another kind
    Convert(ConvertArgs),
    /// Show what a file of statistics holds
    Show(ShowArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Layers, with commas, or "all"
    #[arg(long, value_name = "LAYERS")]
    pub(crate) layers: String,

    /// Text, by files or patterns: .txt with one document a line, .jsonl or .parquet, the first two
    /// also as .gz or .zst; - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) text: Vec<PathBuf>,

    /// The field of .jsonl, or the column of .parquet, that holds the text
    #[arg(long, default_value = "text")]
    pub(crate) field: String,

    /// Let documents follow one another in sequences as long as the model's context, rather than cut
    /// each of them to it
    #[arg(long)]
    pub(crate) pack: bool,

    /// Take every N-th document, from the I-th on, counted from 0
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,

    /// Stop after so many documents of the text
    #[arg(long, value_name = "DOCUMENTS")]
    pub(crate) limit: Option<u64>,

    /// Stop once a doubling of the text has changed the directions of edits, C⁻¹k, by no more than
    /// this at any layer: 0.5, for 50 %, is enough for edits
    #[arg(long, value_name = "X", conflicts_with = "shard", value_parser = positive)]
    pub(crate) until: Option<f32>,

    /// Draw what each doubling of the text has changed, as an SVG that follows the collection
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,

    /// Go on from where an interrupted collection was last saved
    #[arg(long)]
    pub(crate) resume: bool,

    /// Save what there is after so many tokens, or after so many seconds
    #[arg(long, default_value = "300s", value_name = "TOKENS|SECONDSs")]
    pub(crate) save_every: String,

    /// The folder for the files, one a layer; by default where rome edit finds them
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Store the upper triangle in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,

    /// Print a JSON object, and before it one for each time that it is saved
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Layers, with commas, or "all"
    #[arg(long, value_name = "LAYERS")]
    pub(crate) layers: String,

    /// The name that they are published under; the last part of the model's name by default
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Where they are published
    #[arg(long, default_value = "https://rome.baulab.info", env = "ROME_STATS_URL")]
    pub(crate) url: String,

    /// The text that they are over
    #[arg(long, default_value = "wikipedia")]
    pub(crate) dataset: String,

    /// The number of documents that they are over
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) samples: u64,

    /// The type of their values
    #[arg(long, default_value = "float32")]
    pub(crate) precision: String,

    /// The folder for the files, one a layer; by default where rome edit finds them
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MergeArgs {
    /// Files of shards of one collection
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Where to write the sum
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Store the upper triangle in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConvertArgs {
    /// A file of statistics, safetensors or the reference's npz
    pub(crate) input: PathBuf,

    /// Where to write it, as .safetensors or .npz
    pub(crate) output: PathBuf,

    /// In safetensors, store the upper triangle in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// A file of statistics, safetensors or the reference's npz
    pub(crate) file: PathBuf,

    /// Draw what each doubling of the text has changed, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn positive(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(value) if value > 0.0 && f32::is_finite(value) => Ok(value),
        _ => Err("it is not a number above 0".to_owned()),
    }
}
