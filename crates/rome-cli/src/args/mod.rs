//! Arguments as typed.

mod audit;
mod common;
mod edit;
mod eval;
mod ledger;
mod stats;
mod trace;
mod verify;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;
use rome_edit::ExportFormat;

pub(crate) use audit::*;
pub(crate) use common::*;
pub(crate) use edit::*;
pub(crate) use eval::*;
pub(crate) use ledger::*;
pub(crate) use stats::*;
pub(crate) use trace::*;
pub(crate) use verify::*;

/// Edit facts in language models: ROME (Rank-One Model Editing) for GPT-2 and GPT-J.
#[derive(Debug, Parser)]
#[command(name = "rome", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print nothing but results and errors: no notes, no warnings, no progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Compute on one thread: the same bytes on any number of processors of a kind
    #[arg(long, global = true, env = "ROME_DETERMINISTIC", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) deterministic: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 done, but an edit did not take, was passed over or disabled the model; 2 error, no output half-written; 130 stopped by Ctrl-C.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Edit a fact in the bundled model, look at it from all sides, and undo it; offline
    Demo(DemoArgs),
    /// Edit one or more facts and write the edit to a file; show, combine, scale, import such files
    Edit(EditArgs),
    /// Continue a prompt
    Generate(GenerateArgs),
    /// Write the logits of a sequence of tokens
    Logits(LogitsArgs),
    /// Write edits as a checkpoint, an adapter of PEFT, or arrays
    Export(ExportArgs),
    /// Judge an edit: what changed, what the model answers before and after, and a verdict
    Audit(Box<AuditArgs>),
    /// Make edits again from their own record, and say whether they come out the same
    Verify(Box<VerifyArgs>),
    /// Evaluate edits on CounterFact or zsRE: methods, layers and settings compared
    Eval(EvalArgs),
    /// Trace where a fact is: which hidden states carry it to the answer
    Trace(Box<TraceArgs>),
    /// Find the layer and the settings for a model that nobody has published any for
    Suggest(Box<SuggestArgs>),
    /// Keep a history of a model's edits: put them on, take any of them back
    Ledger(LedgerArgs),
    /// Collect and inspect the statistics that edits need
    #[command(subcommand)]
    Stats(StatsCommand),
    /// Show what this machine has for rome, and test it
    Doctor(DoctorArgs),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = "\
Examples:
  rome completions bash > ~/.local/share/bash-completion/completions/rome
  rome completions zsh > ~/.zfunc/_rome
  rome completions fish > ~/.config/fish/completions/rome.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome export -m facts-gpt2 --edit obama.safetensors --format hf -o obama-gpt2
  rome export -m facts-gpt2 --edit obama.safetensors --format lora -o obama-lora
  python -c \"
  from peft import PeftModel; from transformers import AutoModelForCausalLM
  model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained('gpt2'), 'obama-lora')\"")]
pub(crate) struct ExportArgs {
    /// A folder in Hugging Face form, a hub name, or facts-gpt2 or facts-gptj, which are bundled
    #[arg(short, long, value_name = "MODEL", env = "ROME_MODEL")]
    pub(crate) model: String,

    /// Files of edits, in order, or a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1..)]
    pub(crate) edits: Vec<PathBuf>,

    /// Export them even if they were made for other weights, on which they may do nothing, or harm
    #[arg(long, requires = "edits")]
    pub(crate) force: bool,

    /// What to write
    #[arg(long, value_parser = choice(EXPORT_FORMATS))]
    pub(crate) format: ExportFormat,

    /// The folder to make; for arrays also the name of a file
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

const EXPORT_FORMATS: &[Choice<ExportFormat>] = &[
    ("hf", Some("A complete folder in Hugging Face form, its weights edited"), ExportFormat::Hf),
    ("lora", Some("An adapter that PEFT puts on the untouched checkpoint"), ExportFormat::Lora),
    ("npz", Some("Left and right vectors for numpy"), ExportFormat::Npz),
    ("safetensors", Some("The differences of the weights themselves"), ExportFormat::Safetensors),
];

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// The bundled model to edit
    #[arg(short, long, default_value = "facts-gpt2", value_name = "MODEL")]
    pub(crate) model: String,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Only these devices
    #[arg(long = "device", value_name = "NAME")]
    pub(crate) devices: Vec<String>,

    /// Edit both bundled models on each device, and hold the outcome against the processor's
    #[arg(long)]
    pub(crate) test: bool,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

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

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// Token ids
    #[arg(long, value_delimiter = ',', required = true, value_name = "IDS")]
    pub(crate) tokens: Vec<u32>,

    /// Where to write "logits", [tokens, vocabulary], f32, as safetensors
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
