//! `rome verify`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::common::{JsonArgs, ModelArgs};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Edits are byte-identical if version, processor and number of threads are the same; otherwise they
differ by rounding. Exit code 1: an edit differs from its record.

Example:
  rome verify obama.safetensors -m facts-gpt2")]
pub(crate) struct VerifyArgs {
    /// Edit file to recompute
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Edits below it, in other files or in a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1..)]
    pub(crate) edits: Vec<PathBuf>,

    /// Second moments C of keys: a file, a folder of files, or "identity" to edit without
    #[arg(long, value_name = "FILE|DIR|identity")]
    pub(crate) stats: Option<PathBuf>,

    /// Of facts that were edited together, compute the values of N anew
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) sample: usize,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}
