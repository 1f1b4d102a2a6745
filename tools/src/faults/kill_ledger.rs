//! Changes of a ledger are killed at any moment: each has happened or not.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::tally::Tally;
use super::writer::N_EDITS;
use crate::trial::{Bench, artefact, expect_code};

/// A command that is over before it is killed was not killed; this many runs are tried for each kill.
const RUNS_A_KILL: usize = 5;

pub(super) fn run(bench: &mut Bench, n_kills: usize) -> Result<Tally> {
    let mut tally = Tally::new("killed", "ledger apply, undo, checkout");
    bench.empty("ledgers")?;
    let usual = bench.ok("ledger apply edit-0.safetensors -l ledgers/ledger")?.seconds;
    let mut log = read(bench)?;
    for _ in 0..n_kills * RUNS_A_KILL {
        if tally.times == n_kills {
            break;
        }
        let chosen = choice(bench);
        let mut running = bench.start(&change(chosen, &log))?;
        std::thread::sleep(bench.moment(usual));
        running.kill()?;
        let ended = running.wait()?;
        match ended.status.code() {
            None => tally.times += 1,
            // It may be that the edit was on already.
            Some(_) => tally.hold("over before", expect_code(&ended, &[0, 2])),
        }
        let now = read(bench);
        let is_next = now.and_then(|now| {
            let grown = now.n_entries - log.n_entries;
            log = now;
            ensure!(grown <= 1, "{grown} entries at once");
            tally.count("had happened", grown);
            Ok(())
        });
        tally.hold("happened or not", is_next);
        tally.hold(
            "verifies",
            bench.run("ledger verify -l ledgers/ledger").and_then(|ended| expect_code(&ended, &[0])),
        );
        tally.hold("files whole", artefact::check(bench, "ledgers").map(drop));
        if bench.below(2) == 0 {
            tally.hold("next change clears what was left", clears(bench));
            log = read(bench)?;
        }
    }
    tally.hold("next change clears what was left", clears(bench));
    Ok(tally)
}

struct Log {
    n_entries: usize,
    on: Vec<u64>,
}

fn read(bench: &Bench) -> Result<Log> {
    let ended = bench.ok("ledger log --json -l ledgers/ledger")?;
    let log: Value = serde_json::from_slice(&ended.stdout)?;
    let entries = log["log"]["entries"].as_array().context("there are entries")?;
    let on = log["on"].as_array().context("some are on")?;
    Ok(Log { n_entries: entries.len(), on: on.iter().filter_map(Value::as_u64).collect() })
}

/// A random change, and the edit that it is of.
fn choice(bench: &mut Bench) -> (usize, usize) {
    (bench.below(3), bench.below(N_EDITS))
}

fn change((kind, n): (usize, usize), log: &Log) -> String {
    match (kind, log.on.last()) {
        (0, Some(last)) => format!("ledger undo {last} -l ledgers/ledger"),
        (1, _) => format!("ledger checkout {} -l ledgers/ledger", n.min(log.n_entries)),
        _ => format!("ledger apply edit-{n}.safetensors -l ledgers/ledger"),
    }
}

/// Taking the ledger clears what a killed command was writing.
fn clears(bench: &Bench) -> Result<()> {
    bench.ok("ledger checkout 0 -l ledgers/ledger")?;
    artefact::whole_and_nothing_left(bench, "ledgers")
}
