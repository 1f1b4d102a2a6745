//! Nothing may be written.

use anyhow::{Result, ensure};

use super::disk::Disk;
use super::tally::Tally;
use super::writer::Writer;
use crate::trial::{Bench, artefact, expect_refusal};

const FOLDER: &str = "disk/read-only";

pub(super) fn run(bench: &Bench, writer: Writer) -> Result<Tally> {
    let mut tally = Tally::new("read-only", writer.name());
    let disk = match Disk::mount(&bench.path("disk"), 64 << 20) {
        Ok(disk) => disk,
        Err(error) => return Ok(tally.skipped(error.to_string())),
    };
    writer.before(bench, FOLDER)?;
    let before = artefact::bytes(&bench.path(FOLDER))?;
    disk.set_read_only(true)?;
    tally.times += 1;
    tally.hold("exit 2, error and hint", expect_refusal(&bench.run(&writer.args(FOLDER))?).map(drop));
    let after = artefact::bytes(&bench.path(FOLDER))?;
    let is_same = || {
        ensure!(before == after, "files have changed");
        Ok(())
    };
    tally.hold("old files untouched", is_same());
    // Who only reads needs no leave to write.
    tally.hold("can be read", artefact::check(bench, FOLDER).map(drop));
    if matches!(writer, Writer::Apply | Writer::Undo) {
        for how in ["log", "verify"] {
            tally.hold("can be read", bench.ok(&format!("ledger {how} -l {FOLDER}/ledger")).map(drop));
        }
    }
    disk.set_read_only(false)?;
    tally.hold("works when it may", bench.ok(&writer.args(FOLDER)).map(drop));
    bench.empty(FOLDER)?;
    Ok(tally)
}
