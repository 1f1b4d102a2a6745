//! `rome`: edit facts in language models from the command line.
//!
//! The crates below know no files of their own accord, no devices and no terminal; this one does.

mod args;
mod commands;
mod device;
mod error;
mod model;
mod output;
mod settings;
mod statistics;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return error::report_usage(&error),
    };
    let result = match args.command {
        Command::Demo(args) => commands::demo::run(args),
        Command::Edit(args) => commands::edit::run(*args),
        Command::Generate(args) => commands::generate::run(args),
        Command::Logits(args) => commands::logits::run(args),
        Command::Stats(args) => commands::stats::run(args),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => error::report(&error),
    }
}
