//! Long runs that compare rome with the original and inject faults: `cargo xtask <task>` builds this
//! program and starts it.

#[path = "../../xtask/src/cargo.rs"]
mod cargo;
mod compare;
mod devices;
mod enough;
mod faults;
mod full;
mod fuzz;
mod process;
mod program;
mod python;
mod random;
mod reliability;
mod report;
mod sequence;
mod soak;
mod suggest;
mod target;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Long runs that compare rome with the original and inject faults"
)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Compare edits with those of the original, kmeng01/rome
    Compare(Box<compare::Args>),
    /// Run rome on every device and compare the results with the CPU's
    Devices(devices::Args),
    /// Load exports in transformers and PEFT
    ///
    /// Uses the versions that integrations/consumers pins.
    Consumers {
        /// Try this program rather than build it
        #[arg(long, value_name = "FILE")]
        rome: Option<PathBuf>,
    },
    /// Measure how much text C needs
    Enough(enough::Args),
    /// Write a model of random weights in a published size, to try rome at it
    Random(random::Args),
    /// Run sequence, faults, soak and fuzz, and print a table of their results
    Reliability(reliability::Args),
    /// Measure how many consecutive edits a model bears
    Sequence(sequence::Args),
    /// Kill rome, fill its disk, remove its files, and check that nothing is lost
    Faults(faults::Args),
    /// Run random commands for a while, and check memory, files and exit codes
    Soak(soak::Args),
    /// Check that rome suggest finds the layer of the bundled models
    Suggest(suggest::Args),
    /// Read hostile inputs, and keep those that cause failures
    Fuzz(fuzz::Args),
    /// Run the checks that are too heavy for every change
    Full(full::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().task {
        Task::Compare(args) => compare::run(&args),
        Task::Consumers { rome } => {
            rome.map_or_else(|| program::build(&[]), Ok).and_then(|rome| python::test("consumers", &rome))
        }
        Task::Devices(args) => devices::run(&args),
        Task::Enough(args) => enough::run(&args),
        Task::Faults(args) => faults::run(&args),
        Task::Full(args) => full::run(&args),
        Task::Random(args) => random::run(&args),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn cargo_xtask_lists_each_task() {
        let command = Args::command();
        let mut tasks: Vec<_> = command
            .get_subcommands()
            .map(|task| format!("{:<12} {}", task.get_name(), task.get_about().unwrap_or_default()))
            .collect();
        let mut listed: Vec<_> = include_str!("../tasks.txt").lines().collect();
        tasks.sort_unstable();
        listed.sort_unstable();
        assert_eq!(tasks, listed);
    }
}
