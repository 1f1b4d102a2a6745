//! Programs run to their end, with what they took of the machine.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;
use wait4::Wait4;

/// A program's output and costs.
pub(crate) struct Finished {
    pub(crate) stdout: Vec<u8>,
    /// From start to end.
    pub(crate) seconds: f64,
    /// The most memory it held at a time, in bytes.
    pub(crate) peak_memory: u64,
}

/// Runs a program; its standard error is shown if it fails.
pub(crate) fn run(command: &mut Command) -> Result<Finished> {
    let name = command.get_program().display().to_string();
    let ProcessOutcome { status, stdout, stderr, seconds, peak_memory } = Running::start(command)?.wait()?;
    // Of `rome edit`, 1 says that an edit did not take, which random weights are free not to.
    if !(status.success() || status.code() == Some(1) && !stdout.is_empty()) {
        bail!("{name} failed ({status}):\n{}", stderr.trim_end());
    }
    Ok(Finished { stdout, seconds, peak_memory })
}

/// The end of a program, with or without success.
pub(crate) struct ProcessOutcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// From start to end.
    pub(crate) seconds: f64,
    /// The most memory it held at a time, in bytes.
    pub(crate) peak_memory: u64,
}

/// A program under way; what it prints is kept.
pub(crate) struct Running {
    name: String,
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
    start: Instant,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let (stdout, stderr) = (NamedTempFile::new()?, NamedTempFile::new()?);
        let start = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.reopen()?)
            .stderr(stderr.reopen()?)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, stdout, stderr, start })
    }

    /// Ends it at once, if it has not ended; [`wait`](Self::wait) says which.
    pub(crate) fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    pub(crate) fn wait(self) -> Result<ProcessOutcome> {
        let used = self.child.wait4().with_context(|| format!("lost sight of {}", self.name))?;
        Ok(ProcessOutcome {
            status: used.status,
            seconds: self.start.elapsed().as_secs_f64(),
            peak_memory: used.rusage.maxrss,
            stdout: std::fs::read(self.stdout.path())?,
            stderr: String::from_utf8_lossy(&std::fs::read(self.stderr.path())?).into_owned(),
        })
    }
}
