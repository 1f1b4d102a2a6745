//! `rome edit …`

mod files;
mod import;
mod make;
mod report;
pub(crate) mod requests;
mod saved;
mod show;
mod watch;

pub(crate) use report::shortened;
pub(crate) use show::count;

use anyhow::Result;

use crate::args::{EditArgs, EditFileCommand};
use crate::error::Outcome;

pub(crate) fn run(args: EditArgs) -> Result<Outcome> {
    match args {
        EditArgs::Make(args) => make::run(&args),
        EditArgs::File(EditFileCommand::Show(args)) => show::run(&args),
        EditArgs::File(EditFileCommand::Combine(args)) => files::combine(&args),
        EditArgs::File(EditFileCommand::Scale(args)) => files::scale(&args),
        EditArgs::File(EditFileCommand::Drop(args)) => files::drop(&args),
        EditArgs::File(EditFileCommand::Import(args)) => import::run(&args),
    }
}
