//! `rome`: edit facts in language models from the command line.
//!
//! The crates below know no files of their own accord, no devices and no terminal; this one does.

mod args;
mod commands;
mod device;
mod download;
mod edits;
mod error;
mod inputs;
mod log;
mod machine;
mod model;
mod output;
mod plot;
mod selftest;
mod settings;
mod statistics;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

/// Every step of v* takes and gives back the same buffers of megabytes. The system's allocator
/// returns such to the kernel, which clears each page anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return error::report_usage(&error),
    };
    log::start(args.quiet);
    if args.deterministic
        && let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).build_global()
    {
        return error::report(&error.into());
    }
    tracing::debug!("{} threads, {:?}", rayon::current_num_threads(), std::env::args().collect::<Vec<_>>());
    // On a thread of the pool, a product that is shared with the others starts without waking
    // this one up again at its end. A small model has thousands of such products in an edit.
    let result = rayon::scope(|_| run(args.command));
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => error::report(&error),
    }
}

fn run(command: Command) -> anyhow::Result<error::Outcome> {
    match command {
        Command::Audit(args) => commands::audit::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Demo(args) => commands::demo::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Edit(args) => commands::edit::run(args),
        Command::Eval(args) => commands::eval::run(args),
        Command::Export(args) => commands::export::run(&args),
        Command::Generate(args) => commands::generate::run(args),
        Command::Ledger(args) => commands::ledger::run(args),
        Command::Logits(args) => commands::logits::run(args),
        Command::Stats(args) => commands::stats::run(args),
        Command::Suggest(args) => commands::suggest::run(&args),
        Command::Trace(args) => commands::trace::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
    }
}
