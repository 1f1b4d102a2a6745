//! Tasks of this repository: `cargo xtask <task>`. Those here are built in a minute; the others are in
//! the crate `tools`.

mod cargo;
mod circles;
mod forward;
mod layers;
mod lints;
mod metadata;
mod sizes;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Tasks of this repository",
    after_help = forward::help(),
    disable_help_subcommand = true
)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check that crates depend on each other only as ARCHITECTURE.md allows
    Layers,
    /// Check manifests, the beginnings of doc comments, the names of tests, and links between documents
    Lints,
    /// Check that no files of a crate import each other in a circle
    Circles,
    /// Check that the registry would take each crate that is published
    Sizes,
    #[command(external_subcommand)]
    Tools(Vec<OsString>),
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Layers => layers::check()?,
        Task::Lints => lints::check()?,
        Task::Circles => circles::check()?,
        Task::Sizes => sizes::check()?,
        Task::Tools(args) => return forward::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}
