//! `rome eval …`

mod folders;
mod run;
mod tables;
mod together;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{EvalArgs, EvalFolderCommand};

pub(crate) fn run(args: EvalArgs) -> Result<ExitCode> {
    match args {
        EvalArgs::Run(args) => return run::run(*args),
        EvalArgs::Command(EvalFolderCommand::Merge(args)) => folders::merge(args)?,
        EvalArgs::Command(EvalFolderCommand::Compare(args)) => folders::compare(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
