//! `rome audit`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::common::{JsonArgs, ModelArgs};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A file of prompts holds one record or a list. All fields are optional; a record with a subject
applies to the edits of that subject:
  {\"subject\": \"Barack Obama\", \"old\": \"English\",
   \"paraphrase_prompts\": [\"Barack Obama spoke the language\"],
   \"neighborhood_prompts\": [\"The mother tongue of Tina Turner is\"],
   \"unrelated_prompts\": [\"The capital of France is\"]}
For the bundled models, prompts are chosen from the facts that they know.

Exit code 1: the edit did not succeed, or disabled the model.

Example:
  rome audit -m facts-gpt2 --edit obama.safetensors --html obama.html")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Edit files to judge, in order, or a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1.., required_unless_present = "other", help_heading = "Model")]
    pub(crate) edits: Vec<PathBuf>,

    /// Judge edits that were made for different weights
    #[arg(long, requires = "edits", help_heading = "Model")]
    pub(crate) force: bool,

    /// Judge another checkpoint instead, compared with the model
    #[arg(long, value_name = "MODEL", conflicts_with = "edits", help_heading = "Model")]
    pub(crate) other: Option<String>,

    /// Prompts to ask: records of CounterFact, or in the form shown below
    #[arg(long, value_name = "FILE", help_heading = "Questions")]
    pub(crate) prompts: Option<PathBuf>,

    /// Text to measure perplexity on; a short one is built in
    #[arg(long, value_name = "FILE", help_heading = "Questions")]
    pub(crate) text: Option<PathBuf>,

    /// Field of .jsonl, or column of .parquet, that holds the text
    #[arg(long, default_value = "text", help_heading = "Questions")]
    pub(crate) field: String,

    /// Use at most this many tokens of the text
    #[arg(long, default_value_t = 4096, value_name = "N", help_heading = "Questions")]
    pub(crate) text_tokens: usize,

    /// Second moments C, to judge the effect on ordinary text; found as rome edit finds them
    #[arg(long, value_name = "FILE|DIR", help_heading = "Questions")]
    pub(crate) stats: Option<PathBuf>,

    /// Write a report as one self-contained HTML page
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}
