//! Checks files after `rome` was killed, had no room, was not allowed to write, or was not alone.

mod changed;
mod disk;
mod full;
mod kill;
mod kill_ledger;
mod missing;
mod model;
mod read_only;
mod tally;
mod together;
mod together_ledger;
mod writer;

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::program;
use crate::report::{self, Format, Report};
use crate::trial::Bench;
use tally::Tally;

/// Kills `rome` at random moments, fills its disk, takes its files away or changes them while it
/// runs, and runs it several times at once; fails if anything was lost, torn or mixed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try this program rather than build it
    #[arg(long, value_name = "FILE")]
    rome: Option<PathBuf>,

    /// So many kills, shared out among commands
    #[arg(long, default_value_t = 200, value_name = "N")]
    kills: usize,

    /// So often each of the other faults
    #[arg(long, default_value_t = 5, value_name = "N")]
    rounds: usize,

    /// The seed of all that is left to chance
    #[arg(long, default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let rome = args.rome.clone().map_or_else(|| program::build(&[]), Ok)?;
    let mut bench = Bench::new(&rome, args.seed)?;
    writer::prepare(&bench)?;
    let n_kills = args.kills.div_ceil(writer::Writer::KILLED.len() + 1);
    let mut tallies = Vec::new();
    for writer in writer::Writer::KILLED {
        tallies.push(kill::run(&mut bench, writer, n_kills)?);
    }
    tallies.push(kill_ledger::run(&mut bench, n_kills)?);
    for writer in writer::Writer::ALL {
        tallies.push(full::run(&mut bench, writer, args.rounds)?);
    }
    for writer in writer::Writer::ALL {
        tallies.push(read_only::run(&bench, writer)?);
    }
    tallies.extend(missing::run(&mut bench, args.rounds)?);
    tallies.extend(changed::run(&mut bench, args.rounds)?);
    tallies.extend(together::run(&bench, args.rounds)?);
    tallies.push(together_ledger::run(&bench, args.rounds)?);
    report::print(&as_report(&tallies, args), args.format.form())
}

fn as_report(tallies: &[Tally], args: &Args) -> Report {
    let header = ["fault", "command", "times", "what held"].map(str::to_owned).to_vec();
    let rows = tallies.iter().map(Tally::row);
    let faults: Vec<String> = tallies.iter().flat_map(Tally::told).collect();
    let times = |is_kill| -> usize {
        tallies.iter().filter(|tally| tally.is_kill() == is_kill).map(|tally| tally.times).sum()
    };
    let (kills, others) = (times(true), times(false));
    Report {
        json: json!({ "seed": args.seed, "faults": tallies }),
        tables: vec![std::iter::once(header).chain(rows).collect()],
        notes: vec![format!("{kills} kills and {others} other faults: {} did not end well", faults.len())],
        faults,
    }
}
