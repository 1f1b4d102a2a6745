//! Programs run to their end, with what they took of the machine.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
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
    let stdout = tempfile::NamedTempFile::new()?;
    let stderr = tempfile::NamedTempFile::new()?;
    let start = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(stdout.reopen()?)
        .stderr(stderr.reopen()?)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let used = child.wait4().with_context(|| format!("lost sight of {name}"))?;
    let seconds = start.elapsed().as_secs_f64();
    // Of `rome edit`, 1 says that an edit did not take, which random weights are free not to.
    let has_output = std::fs::metadata(stdout.path())?.len() > 0;
    if !(used.status.success() || used.status.code() == Some(1) && has_output) {
        let stderr = std::fs::read_to_string(stderr.path()).unwrap_or_default();
        bail!("{name} failed ({}):\n{}", used.status, stderr.trim_end());
    }
    Ok(Finished { stdout: std::fs::read(stdout.path())?, seconds, peak_memory: used.rusage.maxrss })
}
