//! `rome audit`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::common::{JsonArgs, ModelArgs};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A file of prompts holds one record or a list; all fields may be left out, and a record with a subject
is for the edits of that subject:
  {\"subject\": \"Barack Obama\", \"old\": \"English\",
   \"paraphrase_prompts\": [\"Barack Obama spoke the language\"],
   \"neighborhood_prompts\": [\"The mother tongue of Tina Turner is\"],
   \"unrelated_prompts\": [\"The capital of France is\"]}
For the bundled models, prompts are chosen from the facts that they know.

Exit code 1: the edit did not take, or disabled the model.

Example:
  rome audit -m facts-gpt2 --edit obama.safetensors --html obama.html")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// The edits to judge: files, in order, or a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1.., required_unless_present = "other")]
    pub(crate) edits: Vec<PathBuf>,

    /// Judge them even if they were made for other weights
    #[arg(long, requires = "edits")]
    pub(crate) force: bool,

    /// Judge this checkpoint instead, held against the model
    #[arg(long, value_name = "MODEL", conflicts_with = "edits")]
    pub(crate) other: Option<String>,

    /// Prompts to ask: records of CounterFact, or as shown below
    #[arg(long, value_name = "FILE")]
    pub(crate) prompts: Option<PathBuf>,

    /// Text to take the perplexity of; a short one is built in
    #[arg(long, value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,

    /// The field of .jsonl, or the column of .parquet, that holds the text
    #[arg(long, default_value = "text")]
    pub(crate) field: String,

    /// How many tokens of the text to take
    #[arg(long, default_value_t = 4096, value_name = "N")]
    pub(crate) text_tokens: usize,

    /// Statistics, to say what the change means for ordinary text; found as rome edit finds them
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) stats: Option<PathBuf>,

    /// Write a report as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}
