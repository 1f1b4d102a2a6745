//! One input held to the bound of its target.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::{Files, Finding, Kind, Outcome, Target, memory, quiet};

/// Reads an input and returns whether it was taken.
///
/// It measures the whole process, so nothing else may run in it meanwhile.
///
/// # Errors
/// The failure that reading the input caused.
pub fn check(target: &Target, files: &Files) -> Result<bool, Finding> {
    let before = memory::held();
    memory::reset();
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.read)(files)));
    let (took, held) = (started.elapsed(), memory::peak().saturating_sub(before));
    let finding = |kind, what| Err(Finding { kind, what });
    let taken = match outcome {
        Err(_) => return finding(Kind::Panic, quiet::take_last().unwrap_or_default()),
        Ok(Outcome::Broken(what)) => return finding(Kind::Broken, what),
        Ok(outcome) => outcome == Outcome::Taken,
    };
    let n_bytes = files.n_bytes();
    if held > target.bound.memory_of(n_bytes) {
        return finding(Kind::Memory, format!("{} MiB for {n_bytes} bytes", held >> 20));
    }
    if took > target.bound.time {
        return finding(Kind::Time, format!("{:.1} s for {n_bytes} bytes", took.as_secs_f64()));
    }
    Ok(taken)
}
