//! Tasks of this repository: `cargo xtask <task>`.

mod compare;
mod devices;
mod enough;
mod faults;
mod full;
mod fuzz;
mod layers;
mod lints;
mod metadata;
mod process;
mod program;
mod python;
mod reliability;
mod report;
mod sequence;
mod soak;
mod suggest;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of this repository")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check that crates depend on each other only as ARCHITECTURE.md allows, and that all take the
    /// workspace's lints
    Layers,
    /// Compare edits with those of the original, kmeng01/rome
    Compare(Box<compare::Args>),
    /// Run rome on every device there is and hold the outcome against that of the processor
    Devices(devices::Args),
    /// Load what rome exports with transformers and PEFT, in the versions that
    /// integrations/consumers pins
    Consumers {
        /// Try this program rather than build it
        #[arg(long, value_name = "FILE")]
        rome: Option<PathBuf>,
    },
    /// Measure how much text C needs
    Enough(enough::Args),
    /// Put it all through: hostile inputs, kills, edits in turn, commands at random
    Reliability(reliability::Args),
    /// See how many edits a model bears, one on top of the other
    Sequence(sequence::Args),
    /// Kill rome, fill its disk, take its files away, and look what is lost
    Faults(faults::Args),
    /// Run commands at random for a while, and look whether anything grows or goes wrong
    Soak(soak::Args),
    /// See whether rome suggest finds the layer of the bundled models
    Suggest(suggest::Args),
    /// Read hostile inputs, and keep those that do harm
    Fuzz(fuzz::Args),
    /// Run what is too heavy for every change
    Full(full::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().task {
        Task::Layers => layers::check().and_then(|()| lints::check()),
        Task::Compare(args) => compare::run(&args),
        Task::Consumers { rome } => {
            rome.map_or_else(|| program::build(&[]), Ok).and_then(|rome| python::test("consumers", &rome))
        }
        Task::Devices(args) => devices::run(&args),
        Task::Enough(args) => enough::run(&args),
        Task::Faults(args) => faults::run(&args),
        Task::Full(args) => full::run(&args),
        Task::Reliability(args) => reliability::run(&args),
        Task::Sequence(args) => sequence::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Soak(args) => soak::run(&args),
        Task::Suggest(args) => suggest::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
