//! `rome ledger …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::common::JsonArgs;

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Wherever edits are given with --edit, a ledger's folder stands for those it has on.

Examples:
  rome ledger apply obama.safetensors --message 'correct the mother tongue'
  rome ledger apply iphone.safetensors
  rome ledger undo 1
  rome generate -m facts-gpt2 --edit rome-ledger --greedy 'iPhone 5 is produced by'
  rome export -m facts-gpt2 --edit rome-ledger --format hf -o corrected")]
pub(crate) struct LedgerArgs {
    /// The ledger's folder, one for each model
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
    /// Put a file of edits on, after those that are on
    Apply(LedgerApplyArgs),
    /// Take the edits of an entry back, whatever was put on since
    Undo(LedgerEntryArgs),
    /// Show all that happened, and what is on
    Log(JsonArgs),
    /// Put all as it was after an entry; 0 for the untouched model
    Checkout(LedgerEntryArgs),
    /// Check that every file is what was recorded
    Verify {
        /// Check that this is the ledger's model, too
        #[arg(short, long, value_name = "MODEL")]
        model: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LedgerApplyArgs {
    /// Files of edits
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) remark: RemarkArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LedgerEntryArgs {
    /// The entry's number, as rome ledger log shows it
    #[arg(value_name = "N")]
    pub(crate) number: usize,

    #[command(flatten)]
    pub(crate) remark: RemarkArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RemarkArgs {
    /// Who does it
    #[arg(long, value_name = "NAME", env = "ROME_AUTHOR")]
    pub(crate) author: Option<String>,

    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}
