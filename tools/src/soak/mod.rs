//! Commands at random, for a while, in one folder.

mod action;
mod memory;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::program;
use crate::report::{self, Format, Report};
use crate::trial::{Bench, artefact, expect_code, expect_refusal};
use action::{Action, Expected, Work};
use memory::Memory;

/// The folder that commands write into.
const FOLDER: &str = "work";

/// Runs commands on the bundled models that a seed chooses, in one folder, and checks how each ends,
/// that it leaves nothing behind, that all files stay whole and that its memory does not grow.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try this program rather than build it
    #[arg(long, value_name = "FILE")]
    rome: Option<PathBuf>,

    /// Minutes to run
    #[arg(long, default_value_t = 3.0, value_name = "M")]
    minutes: f64,

    /// Seed that chooses the commands
    #[arg(long, default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    format: Format,
}

/// The results of the commands of a kind.
#[derive(Debug, Default)]
struct Kind {
    seconds: f64,
    /// The number of commands that ended with 0, 1 and 2.
    codes: [usize; 3],
    memory: Memory,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let rome = args.rome.clone().map_or_else(|| program::build(&[]), Ok)?;
    let mut bench = Bench::new(&rome, args.seed)?;
    bench.empty(FOLDER)?;
    std::fs::copy(fixtures::path("corpus/documents.txt"), bench.path("text.txt"))?;
    let mut work = Work::default();
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let mut faults = Vec::new();
    let start = Instant::now();
    let whole = Duration::from_secs_f64(60.0 * args.minutes.max(0.0));
    while start.elapsed() < whole {
        let action = work.choose(&mut bench)?;
        if let Err(error) = step(&bench, &mut work, &mut kinds, &action) {
            faults.push(format!("rome {}: {error:#}", action.args));
        }
    }
    artefact::check(&bench, FOLDER)?;
    for (name, kind) in &kinds {
        faults.extend(kind.memory.growth().map(|growth| format!("{name}: {growth}")));
    }
    report::print(&as_report(&kinds, faults, args), args.format.form())
}

fn step(bench: &Bench, work: &mut Work, kinds: &mut BTreeMap<String, Kind>, action: &Action) -> Result<()> {
    let ended = bench.run(&action.args)?;
    let kind = kinds.entry(action.kind.clone()).or_default();
    kind.seconds += ended.seconds;
    kind.memory.add(ended.peak_memory);
    if let Some(count) = ended.status.code().and_then(|code| kind.codes.get_mut(code as usize)) {
        *count += 1;
    }
    match action.expected {
        Expected::Done => expect_code(&ended, &[0])?,
        Expected::DoneOrNotTaken => expect_code(&ended, &[0, 1])?,
        Expected::Refused => drop(expect_refusal(&ended)?),
    }
    work.happened(action);
    artefact::whole_and_nothing_left(bench, FOLDER)
}

fn as_report(kinds: &BTreeMap<String, Kind>, faults: Vec<String>, args: &Args) -> Report {
    let header = ["command", "runs", "exit 0", "exit 1", "exit 2", "s a run", "MiB first", "MiB last"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (name, kind) in kinds {
        let (first, last) = kind.memory.ends();
        let n_runs = kind.memory.n_runs();
        let mut row = vec![name.clone(), n_runs.to_string()];
        row.extend(kind.codes.map(|count| count.to_string()));
        row.push(format!("{:.2}", kind.seconds / n_runs.max(1) as f64));
        row.extend([first, last].map(|mebibytes| format!("{mebibytes:.1}")));
        rows.push(row);
    }
    let n_runs: usize = kinds.values().map(|kind| kind.memory.n_runs()).sum();
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(name, kind)| {
            let (first, last) = kind.memory.ends();
            json!({
                "command": name, "runs": kind.memory.n_runs(), "codes": kind.codes,
                "seconds": kind.seconds, "first_mebibytes": first, "last_mebibytes": last,
            })
        })
        .collect();
    Report {
        json: json!({ "seed": args.seed, "minutes": args.minutes, "runs": n_runs, "kinds": kinds, "faults": faults }),
        tables: vec![rows],
        notes: vec![format!(
            "MiB are the most a process held, in the first and the last tenth of its runs\n\n\
             {n_runs} commands in {} minutes: {} faults",
            args.minutes,
            faults.len()
        )],
        faults,
    }
}
