//! The original, run by drivers of ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::process::{self, Finished};

const SHARED: &str = include_str!("python/original.py");

/// A checkout of the original, and what runs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original<'a> {
    pub(crate) checkout: &'a Path,
    pub(crate) python: &'a Path,
}

/// The task of the driver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Driver {
    Edit,
    SecondMoment,
    Trace,
    Evaluate,
    Together,
}

impl Driver {
    fn program(self) -> &'static str {
        match self {
            Self::Edit => include_str!("python/edit.py"),
            Self::SecondMoment => include_str!("python/second_moment.py"),
            Self::Trace => include_str!("python/trace.py"),
            Self::Evaluate => include_str!("python/evaluate.py"),
            Self::Together => include_str!("python/together.py"),
        }
    }
}

impl Original<'_> {
    /// Runs a driver on a job, to which it adds what all of them need.
    pub(crate) fn run(self, driver: Driver, mut job: Value, n_threads: usize) -> Result<Finished> {
        job["reference"] = json!(self.checkout.canonicalize()?);
        job["threads"] = json!(n_threads);
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(name);
        fs::write(file("original.py"), SHARED)?;
        fs::write(file("driver.py"), driver.program())?;
        fs::write(file("job.json"), job.to_string())?;
        let mut command = Command::new(self.python);
        command.arg(file("driver.py")).arg(file("job.json"));
        command.env("OMP_NUM_THREADS", n_threads.to_string());
        let finished = process::run(&mut command)?;
        // It may have printed much before it failed.
        match job["output"].as_str() {
            Some(output) if !Path::new(output).exists() => {
                bail!("the driver has saved nothing: run it on this job to see why:\n{job}")
            }
            _ => Ok(finished),
        }
    }
}
