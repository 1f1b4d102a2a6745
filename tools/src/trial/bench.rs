//! A folder that `rome` runs in, with what commands need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{ProcessOutcome, Running};

/// A folder that `rome` runs in, and what chance decides. Arguments are given as one text, and their
/// paths are relative to the folder.
pub(crate) struct Bench {
    rome: PathBuf,
    folder: TempDir,
    chance: ChaCha8Rng,
}

impl Bench {
    pub(crate) fn new(rome: &Path, seed: u64) -> Result<Self> {
        let rome = rome.canonicalize().with_context(|| format!("no program {}", rome.display()))?;
        Ok(Self { rome, folder: tempfile::tempdir()?, chance: ChaCha8Rng::seed_from_u64(seed) })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        fs::write(self.path(name), content).with_context(|| format!("cannot write {name}"))
    }

    /// Makes a folder again.
    pub(crate) fn empty(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        Ok(fs::create_dir_all(path)?)
    }

    /// Something below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.chance.next_u32() as usize % bound.max(1)
    }

    /// Something from no time to as long as that.
    pub(crate) fn moment(&mut self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * f64::from(self.chance.next_u32()) / f64::from(u32::MAX))
    }

    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(&self.rome);
        command.args(args.split_whitespace()).current_dir(self.folder.path());
        for name in ["ROME_MODEL", "ROME_DEVICE", "ROME_DTYPE", "ROME_LEDGER", "ROME_AUTHOR"] {
            command.env_remove(name);
        }
        command.env("ROME_CACHE", self.path("cache")).env("HF_HOME", self.path("hub"));
        command
    }

    pub(crate) fn start(&self, args: &str) -> Result<Running> {
        Running::start(&mut self.command(args))
    }

    pub(crate) fn run(&self, args: &str) -> Result<ProcessOutcome> {
        self.start(args)?.wait()
    }

    /// Runs a command that has to finish, whether edits succeed or not.
    pub(crate) fn ok(&self, args: &str) -> Result<ProcessOutcome> {
        let ended = self.run(args)?;
        expect_code(&ended, &[0, 1]).with_context(|| format!("rome {args}"))?;
        Ok(ended)
    }

    /// Runs a command that has to be refused, with an error and a hint.
    pub(crate) fn refused(&self, args: &str) -> Result<String> {
        let ended = self.run(args)?;
        expect_refusal(&ended).with_context(|| format!("rome {args}"))
    }

    /// Writes a file of requests about facts that the bundled models know.
    pub(crate) fn write_requests(&self, name: &str, facts: std::ops::Range<usize>) -> Result<()> {
        let known: Value = serde_json::from_slice(rome_assets::FACTS)?;
        let all = known["facts"].as_array().context("there are facts")?;
        let lines = all.iter().skip(facts.start).take(facts.len()).map(|fact| {
            let relation = fact["relation_id"].as_str().unwrap_or_default();
            let template = &known["templates"][relation][0];
            json!({ "prompt": template, "subject": fact["subject"], "target": fact["target_new"] })
        });
        self.write(name, lines.map(|line| format!("{line}\n")).collect::<String>())
    }
}

/// Checks how a command ended; what it said is in the error.
pub(crate) fn expect_code(ended: &ProcessOutcome, codes: &[i32]) -> Result<()> {
    match ended.status.code() {
        Some(code) if codes.contains(&code) => Ok(()),
        _ => bail!("ended with {} rather than {codes:?}: {}", ended.status, ended.stderr.trim_end()),
    }
}

/// Checks that a command ended with exit code 2, one line of error and one of hint, and returns them.
pub(crate) fn expect_refusal(ended: &ProcessOutcome) -> Result<String> {
    expect_code(ended, &[2])?;
    let is_aside = |line: &&str| !line.starts_with("note: ") && !line.starts_with("warning: ");
    let lines: Vec<&str> = ended.stderr.lines().filter(is_aside).collect();
    match lines[..] {
        [error, hint] if error.starts_with("error: ") && hint.starts_with("hint: ") => Ok(lines.join("\n")),
        _ => bail!("said neither an error and a hint, nor only them: {}", ended.stderr.trim_end()),
    }
}
