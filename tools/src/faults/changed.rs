//! Weights change while a command reads them.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Result, bail};
use rome_core::EditFile;

use super::model;
use super::tally::Tally;
use crate::process::ProcessOutcome;
use crate::trial::{Bench, artefact, expect_refusal};

/// Each fault of this kind takes a few hundredths of a second, and has to fall into fewer.
const TRIES_A_ROUND: usize = 10;

/// A change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It ends where it did not end.
    Cut,
    /// It is cut, and then as long as before, with zeros.
    Zeroed,
    /// A part is written over.
    Overwritten,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Cut => "weights cut while read",
            Self::Zeroed => "weights zeroed while read",
            Self::Overwritten => "weights overwritten while read",
        }
    }

    /// Changes a file from some place on.
    fn make(self, path: &Path, at: u64) -> Result<()> {
        let mut file = fs::File::options().read(true).write(true).open(path)?;
        let len = file.metadata()?.len();
        match self {
            Self::Cut => file.set_len(at)?,
            Self::Zeroed => {
                file.set_len(at)?;
                file.set_len(len)?;
            }
            Self::Overwritten => {
                file.seek(SeekFrom::Start(at))?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                // Of each value the sign: it stays a number.
                bytes.iter_mut().for_each(|byte| *byte ^= 0x80);
                file.seek(SeekFrom::Start(at))?;
                file.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}

pub(super) fn run(bench: &mut Bench, n_rounds: usize) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for change in [Change::Cut, Change::Zeroed, Change::Overwritten] {
        for command in ["logits", "edit", "export"] {
            tallies.push(of(bench, change, command, n_rounds * TRIES_A_ROUND)?);
        }
    }
    Ok(tallies)
}

fn args(command: &str, out: &str) -> String {
    let how = match command {
        "logits" => "--tokens 1,2,3",
        // No time is spent on the edit: what counts is what it is made of.
        "edit" => "--request request.jsonl --stats identity --layer 1 --steps 1",
        _ => "--format hf --force --edit edit-0.safetensors",
    };
    format!("{command} -m changing {how} -o {out}")
}

fn of(bench: &mut Bench, change: Change, command: &str, times: usize) -> Result<Tally> {
    let mut tally = Tally::new(change.name(), command);
    let weights = model::copy(bench, "changing")?;
    let len = fs::metadata(&weights)?.len() as usize;
    bench.empty("changes")?;
    let usual = bench.ok(&args(command, "changes/whole"))?.seconds;
    let whole = output(bench, command, "changes/whole")?;
    for _ in 0..times {
        let weights = model::copy(bench, "changing")?;
        // Past the header, which has to be whole for a model to be read at all.
        let at = (1 << 16) + bench.below(len - (1 << 16));
        let moment = bench.moment(usual);
        let running = bench.start(&args(command, "changes/out"))?;
        std::thread::sleep(moment);
        change.make(&weights, at as u64)?;
        let ended = running.wait()?;
        tally.times += 1;
        match outcome(bench, command, &ended, &whole) {
            Ok(what) => tally.count(what, 1),
            Err(error) => tally.hold("refused or right", Err(error)),
        }
        bench.empty("changes")?;
    }
    Ok(tally)
}

/// A command refuses, or its output is that of the model as it was or as it is now.
fn outcome(bench: &Bench, command: &str, ended: &ProcessOutcome, whole: &[u8]) -> Result<&'static str> {
    if ended.status.code() == Some(2) {
        expect_refusal(ended)?;
        let found = artefact::find(&bench.path("changes"))?;
        return if bench.path("changes/out").exists() || !found.temporary.is_empty() {
            bail!("refused, and something was written")
        } else {
            Ok("refused")
        };
    }
    crate::trial::expect_code(ended, &[0, 1])?;
    if output(bench, command, "changes/out")? == whole {
        return Ok("of the model before");
    }
    let of_now = bench.ok(&args(command, "changes/now"));
    if of_now.is_ok() && output(bench, command, "changes/out")? == output(bench, command, "changes/now")? {
        Ok("of the model after")
    } else {
        bail!("exit 0 with the output of a model that never was")
    }
}

/// The output of a command, as far as it is the same each time.
fn output(bench: &Bench, command: &str, out: &str) -> Result<Vec<u8>> {
    let path = bench.path(out);
    Ok(match command {
        "logits" => fs::read(path)?,
        "edit" => {
            let file = EditFile::from_bytes(&fs::read(path)?)?;
            file.parts.iter().flat_map(|part| part.record.model_hash.as_str().bytes()).collect()
        }
        _ => fs::read(path.join("model.safetensors"))?,
    })
}
