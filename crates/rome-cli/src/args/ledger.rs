//! `rome ledger …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::common::JsonArgs;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Every --edit option accepts a ledger's folder, which stands for its active edits.

Examples:
  rome ledger apply obama.safetensors --message 'correct the mother tongue'
  rome ledger apply iphone.safetensors
  rome ledger undo 1
  rome generate -m facts-gpt2 --edit rome-ledger --greedy 'iPhone 5 is produced by'
  rome export -m facts-gpt2 --edit rome-ledger --format hf -o corrected")]
pub(crate) struct LedgerArgs {
    /// Folder of the ledger, one for each model
    #[arg(
        short,
        long,
        global = true,
        value_name = "DIR",
        default_value = "rome-ledger",
        env = "ROME_LEDGER"
    )]
    pub(crate) ledger: PathBuf,

    #[command(subcommand)]
    pub(crate) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Apply edit files on top of the active ones
    Apply(LedgerApplyArgs),
    /// Take back the edits of one entry, whatever was applied since
    Undo(LedgerEntryArgs),
    /// Show the history and the active edits
    Log(JsonArgs),
    /// Go back to the state after an entry; 0 for the untouched model
    Checkout(LedgerEntryArgs),
    /// Check that every file is as recorded
    Verify {
        /// Check that the ledger is of this model, too
        #[arg(short, long, value_name = "MODEL")]
        model: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LedgerApplyArgs {
    /// Edit files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) remark: RemarkArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LedgerEntryArgs {
    /// Number of the entry, as rome ledger log shows it
    #[arg(value_name = "N")]
    pub(crate) number: usize,

    #[command(flatten)]
    pub(crate) remark: RemarkArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RemarkArgs {
    /// Author of the change
    #[arg(long, value_name = "NAME", env = "ROME_AUTHOR")]
    pub(crate) author: Option<String>,

    /// Reason of the change
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}
