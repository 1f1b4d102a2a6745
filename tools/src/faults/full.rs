//! A disk is full, or becomes so in the middle of a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::disk::{Disk, PAGE};
use super::tally::Tally;
use super::writer::Writer;
use crate::trial::{Bench, artefact, expect_refusal};

const FOLDER: &str = "disk/full";

pub(super) fn run(bench: &mut Bench, writer: Writer, n_rounds: usize) -> Result<Tally> {
    let mut tally = Tally::new("disk full", writer.name());
    let disk = match Disk::mount(&bench.path("disk"), 64 << 20) {
        Ok(disk) => disk,
        Err(error) => return Ok(tally.skipped(error.to_string())),
    };
    bench.empty("alone")?;
    bench.ok(&match writer {
        Writer::Apply | Writer::Undo => "ledger apply edit-0.safetensors -l alone/ledger".to_owned(),
        _ => writer.args("alone"),
    })?;
    // With any less than this, something of what the command writes has no room.
    let largest = artefact::bytes(&bench.path("alone"))?.into_values().map(|bytes| bytes.len()).max();
    let needed = match writer {
        // The log, a page.
        Writer::Undo => 1,
        // Two pages of edits, and the log.
        Writer::Apply => 3,
        // Three cases, and a page of two pages.
        Writer::Eval => 5,
        _ => largest.unwrap_or_default().div_ceil(PAGE),
    };
    for round in 0..n_rounds {
        writer.before(bench, FOLDER)?;
        let before = artefact::bytes(&bench.path(FOLDER))?;
        disk.fill(if round == 0 { 0 } else { bench.below(needed) })?;
        tally.times += 1;
        let ended = bench.run(&writer.args(FOLDER))?;
        tally.hold("exit 2, error and hint", expect_refusal(&ended).and_then(|said| names_it(&said)));
        tally.hold("nothing half-written", artefact::whole_and_nothing_left(bench, FOLDER));
        tally.hold("old files untouched", untouched(bench, writer, &before));
        disk.clear()?;
        tally.hold("works with room again", bench.ok(&writer.args(FOLDER)).map(drop));
        tally.hold("files whole at the end", artefact::check(bench, FOLDER).map(drop));
    }
    bench.empty(FOLDER)?;
    Ok(tally)
}

/// The system says what is missing.
fn names_it(said: &str) -> Result<()> {
    {
        ensure!(said.contains("No space left"), "it does not say that there is no space: {said}");
        Ok(())
    }
}

/// Files that were there have not changed, but for those that a command replaces one by one: the
/// layers of a collection, and what is said of an evaluation beside its cases.
fn untouched(bench: &Bench, writer: Writer, before: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let after = artefact::bytes(&bench.path(FOLDER))?;
    for (path, bytes) in before {
        let is_same = after.get(path) == Some(bytes);
        let is_case = path.to_string_lossy().contains("case_");
        let may_be = writer == Writer::Collect || writer == Writer::Eval && !is_case;
        let is_replaced = may_be && after.contains_key(path);
        ensure!(is_same || is_replaced, "{} has changed", path.display());
    }
    Ok(())
}
