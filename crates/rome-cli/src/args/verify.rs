//! `rome verify`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::common::{JsonArgs, ModelArgs};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Edits are the same to the byte if version, processor and number of threads are; else they differ by rounding.
Exit code 1: an edit comes out as another one.

Example:
  rome verify obama.safetensors -m facts-gpt2")]
pub(crate) struct VerifyArgs {
    /// The file of edits to make again
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Edits that it was made on top of, in other files or in a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1..)]
    pub(crate) edits: Vec<PathBuf>,

    /// Statistics: a file, a folder of files, or "identity" for none
    #[arg(long, value_name = "FILE|DIR|identity")]
    pub(crate) stats: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}
