//! Arguments as typed.

mod audit;
mod common;
mod edit;
mod eval;
#[cfg(test)]
mod examples;
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

/// Edit facts in language models: ROME (Rank-One Model Editing) for Llama, Qwen, Gemma, GPT-2 and their kin.
#[derive(Debug, Parser)]
#[command(name = "rome", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print only results and errors: no notes, warnings or progress
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,

    /// Use one thread, so that results do not depend on the number of cores
    #[arg(long, global = true, env = "ROME_DETERMINISTIC", value_parser = clap::builder::FalseyValueParser::new(), help_heading = "Global options")]
    pub(crate) deterministic: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 success; 1 finished, but at least one edit failed, was skipped, or broke the model; 2 error, and no output is half-written; 130 stopped by Ctrl-C.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Edit a fact in a bundled model, show its effect, and undo it (offline)
    Demo(DemoArgs),
    /// Edit facts and write them to an edit file; show, combine, scale or import edit files
    Edit(EditArgs),
    /// Continue a prompt
    Generate(GenerateArgs),
    /// Compute the logits of a sequence of tokens
    Logits(LogitsArgs),
    /// Export edits as a checkpoint, a PEFT adapter, or arrays
    Export(ExportArgs),
    /// Report what an edit changed: answers before and after, and a verdict
    Audit(Box<AuditArgs>),
    /// Recompute edits from their records and check that they match
    Verify(Box<VerifyArgs>),
    /// Evaluate methods, layers and settings on CounterFact or zsRE
    Eval(EvalArgs),
    /// Locate a fact by causal tracing: find the hidden states that carry it
    Trace(Box<TraceArgs>),
    /// Search for a layer and hyperparameters for a new model
    Suggest(Box<SuggestArgs>),
    /// Keep a history of a model's edits: apply them, take any of them back
    Ledger(LedgerArgs),
    /// Collect and inspect the second moments C that edits need
    #[command(subcommand)]
    Stats(StatsCommand),
    /// Show and test the devices of this machine
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  rome completions bash > ~/.local/share/bash-completion/completions/rome
  rome completions zsh > ~/.zfunc/_rome
  rome completions fish > ~/.config/fish/completions/rome.fish")]
    Completions {
        /// Shell to complete in
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
    /// Model to use: a folder in Hugging Face form, a hub name, or a bundled one (facts-llama, facts-gpt2, facts-gptj)
    #[arg(short, long, value_name = "MODEL", env = "ROME_MODEL")]
    pub(crate) model: String,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// Format to write
    #[arg(long, value_parser = choice(EXPORT_FORMATS))]
    pub(crate) format: ExportFormat,

    /// Folder to create; for arrays, a file works too
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// lora: hold no more than N terms of each weight, the largest ones
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = number(|n: usize| n > 0, "it must be at least 1"))]
    pub(crate) max_rank: usize,
}

const ONE_BY_ONE: &str = "Apply the edits in this file, or in a ledger's folder; repeat the option for more";

const EXPORT_FORMATS: &[Choice<ExportFormat>] = &[
    ("hf", Some("A complete folder in Hugging Face form, with the edits in its weights"), ExportFormat::Hf),
    ("lora", Some("A PEFT adapter for the untouched checkpoint"), ExportFormat::Lora),
    ("npz", Some("Left and right vectors, for numpy"), ExportFormat::Npz),
    ("safetensors", Some("The weight differences themselves"), ExportFormat::Safetensors),
];

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Bundled model to edit
    #[arg(short, long, default_value = "facts-gpt2", value_name = "MODEL")]
    pub(crate) model: String,

    /// Draw the answers and a causal trace of the fact to this file, .svg or .png
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Show only this device; repeat the option for more
    #[arg(long = "device", value_name = "NAME")]
    pub(crate) devices: Vec<String>,

    /// Edit both bundled models on each device and compare the results with the CPU's
    #[arg(long)]
    pub(crate) test: bool,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

// The prompt that follows is no file of edits.
#[derive(Debug, ClapArgs)]
#[command(mut_arg("edits", |edits| edits.num_args(1).help(ONE_BY_ONE)))]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// Always choose the most probable token
    #[arg(long)]
    pub(crate) greedy: bool,

    /// Sample among the K most probable tokens
    #[arg(long, default_value_t = 5, value_name = "K", conflicts_with = "greedy",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top_k: u32,

    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Add at most this many tokens
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub(crate) max_new_tokens: usize,

    /// Print the result as one JSON object, with token ids
    #[arg(long)]
    pub(crate) json: bool,

    /// Text to continue
    pub(crate) prompt: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogitsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) edits: EditsArgs,

    /// Token ids, with commas
    #[arg(long, value_delimiter = ',', required = true, value_name = "IDS")]
    pub(crate) tokens: Vec<u32>,

    /// Write the logits to this safetensors file, as "logits" [tokens, vocabulary], f32
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
