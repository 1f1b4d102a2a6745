//! The command line of `rome`: arguments in, a call of [`rome_edit`], a table or JSON out.
//!
//! Nothing here decides about editing. A program that has its own allocator and entry calls
//! [`main_with`].

mod args;
mod cli_error;
mod commands;
mod error;
mod inputs;
mod ui;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

/// Runs the command that arguments name, the program's name first, and returns its exit code.
pub fn main_with(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) => return error::report_usage(&error),
    };
    ui::log::start(args.quiet);
    if args.deterministic
        && let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).build_global()
    {
        return error::report(&error.into());
    }
    tracing::debug!("{} threads, {arguments:?}", rayon::current_num_threads());
    // On a thread of the pool, a product that is shared with the others starts without waking
    // this one up again at its end. A small model has thousands of such products in an edit.
    rayon::scope(|_| run(args.command)).unwrap_or_else(|error| error::report(&error))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Audit(args) => return commands::audit::run(*args),
        Command::Completions { shell } => commands::completions::run(shell)?,
        Command::Demo(args) => return commands::demo::run(args),
        Command::Doctor(args) => commands::doctor::run(args)?,
        Command::Edit(args) => return commands::edit::run(args),
        Command::Eval(args) => return commands::eval::run(args),
        Command::Export(args) => commands::export::run(args)?,
        Command::Generate(args) => commands::generate::run(args)?,
        Command::Ledger(args) => commands::ledger::run(args)?,
        Command::Logits(args) => commands::logits::run(&args)?,
        Command::Stats(command) => commands::stats::run(command)?,
        Command::Suggest(args) => commands::suggest::run(*args)?,
        Command::Trace(args) => return commands::trace::run(&args),
        Command::Verify(args) => return commands::verify::run(*args),
    }
    Ok(ExitCode::SUCCESS)
}
