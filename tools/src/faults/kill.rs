//! A command is killed at any moment, and run again.

use anyhow::Result;

use super::tally::Tally;
use super::writer::Writer;
use crate::trial::{Bench, artefact, expect_code};

/// A command that is over before it is killed was not killed; this many runs are tried for each kill.
const RUNS_A_KILL: usize = 5;

pub(super) fn run(bench: &mut Bench, writer: Writer, n_kills: usize) -> Result<Tally> {
    let mut tally = Tally::new("killed", writer.name());
    let (folder, alone) = ("killed", "alone");
    bench.empty(alone)?;
    bench.empty(folder)?;
    let usual = bench.ok(&writer.args(alone))?.seconds;
    // Of the temporary files that are there, so many are of killed processes.
    let mut n_left = 0;
    for _ in 0..n_kills * RUNS_A_KILL {
        if tally.times == n_kills {
            break;
        }
        // One that was killed may have come to its end just before.
        writer.remove_made(bench, folder)?;
        let mut running = bench.start(&writer.args(folder))?;
        std::thread::sleep(bench.moment(usual));
        running.kill()?;
        let ended = running.wait()?;
        match ended.status.code() {
            None => tally.times += 1,
            Some(_) => {
                tally.hold("over before", expect_code(&ended, &[0, 1]));
                n_left = artefact::find(&bench.path(folder))?.temporary.len();
                continue;
            }
        }
        let found = artefact::check(bench, folder);
        if let Ok(n_now) = found {
            // A kill leaves what was being written then, and nothing else.
            tally.count("left a temporary file", n_now.saturating_sub(n_left));
            if n_now > n_left + 1 {
                tally.hold("one temporary file at most", Err(anyhow::anyhow!("{n_now} after {n_left}")));
            }
            n_left = n_now;
        }
        tally.hold("files whole", found.map(drop));
        // One half goes on to its end, the other is killed on its way again.
        if bench.below(2) == 0 {
            finish(bench, writer, &mut tally, folder, alone)?;
            n_left = 0;
        }
    }
    finish(bench, writer, &mut tally, folder, alone)?;
    Ok(tally)
}

/// Lets the next command finish, and starts over in an empty folder.
fn finish(bench: &Bench, writer: Writer, tally: &mut Tally, folder: &str, alone: &str) -> Result<()> {
    writer.remove_made(bench, folder)?;
    tally.hold(
        "next run works",
        bench.run(&writer.args(folder)).and_then(|ended| expect_code(&ended, &[0, 1])),
    );
    let found = artefact::whole_and_nothing_left(bench, folder);
    tally.hold("ends as if left alone", found.and_then(|()| writer.compare(bench, folder, alone)));
    bench.empty(folder)
}
