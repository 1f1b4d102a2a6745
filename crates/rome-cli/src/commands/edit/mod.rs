//! `rome edit …`

mod files;
mod make;
mod show;
mod together;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{EditArgs, EditFileCommand, Method};

pub(crate) fn run(args: EditArgs) -> Result<ExitCode> {
    match args {
        EditArgs::Run(args) => {
            return match args.together.method {
                Method::Rome => make::run(*args),
                Method::Mass(method) => together::run(*args, method),
            };
        }
        EditArgs::Command(EditFileCommand::Again(args)) => return together::again(args),
        EditArgs::Command(EditFileCommand::Show(args)) => show::run(&args)?,
        EditArgs::Command(EditFileCommand::Combine(args)) => files::combine(&args)?,
        EditArgs::Command(EditFileCommand::Scale(args)) => files::scale(&args)?,
        EditArgs::Command(EditFileCommand::Drop(args)) => files::drop(&args)?,
        EditArgs::Command(EditFileCommand::Import(args)) => files::import(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
