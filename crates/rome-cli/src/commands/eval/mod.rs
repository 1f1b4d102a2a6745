//! `rome eval`

mod against;
mod merge;
mod records;
pub(crate) mod report;
mod run;
pub(crate) mod runner;
pub(crate) mod setups;
pub(crate) mod sweep;

use anyhow::Result;

pub(crate) use records::{BUNDLED_ORDER, Records};

use crate::args::{EvalArgs, EvalFolderCommand};
use crate::error::Outcome;

pub(crate) fn run(args: EvalArgs) -> Result<Outcome> {
    match args {
        EvalArgs::Run(args) => run::run(&args),
        EvalArgs::Folders(EvalFolderCommand::Merge(args)) => merge::run(&args),
        EvalArgs::Folders(EvalFolderCommand::Against(args)) => against::run(&args),
    }
}
