//! Several processes put edits on one ledger.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::tally::Tally;
use super::together::at_once;
use super::writer::N_EDITS;
use crate::trial::{Bench, artefact, expect_code};

pub(super) fn run(bench: &Bench, n_rounds: usize) -> Result<Tally> {
    let mut tally = Tally::new("at once", "ledger apply, 8 processes");
    let commands: Vec<String> =
        (0..N_EDITS).map(|n| format!("ledger apply edit-{n}.safetensors -l together/ledger")).collect();
    for _ in 0..n_rounds {
        bench.empty("together")?;
        let ended = at_once(bench, &commands)?;
        tally.times += 1;
        tally.hold("all done", ended.iter().try_for_each(|ended| expect_code(ended, &[0])));
        tally.hold("none lost", none_lost(bench));
        tally.hold("verifies", bench.ok("ledger verify -l together/ledger").map(drop));
        tally.hold("files whole", artefact::whole_and_nothing_left(bench, "together"));
    }
    Ok(tally)
}

fn none_lost(bench: &Bench) -> Result<()> {
    let ended = bench.ok("ledger log --json -l together/ledger")?;
    let log: Value = serde_json::from_slice(&ended.stdout)?;
    let expected: Vec<usize> = (1..=N_EDITS).collect();
    {
        ensure!(log["on"] == json!(expected), "on are {}", log["on"]);
        Ok(())
    }
}
