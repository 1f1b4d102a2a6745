//! Many inputs for a target.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::check::check;
use crate::quiet::Quiet;
use crate::running::Running;
use crate::{Files, Finding, Input, Seed, Target};

/// Inputs that are drawn from one state of the generator.
const BATCH: u32 = 200;

/// A lock that lets one campaign run at a time, as the measurements are those of the process.
static ALONE: Mutex<()> = Mutex::new(());

/// Many inputs for a target.
#[derive(Debug, Clone, Default)]
pub struct Campaign {
    /// The seed that inputs are drawn by.
    pub seed: u64,
    /// The maximum number of inputs to draw.
    pub n_cases: Option<u64>,
    /// For how long they are drawn.
    pub time: Option<Duration>,
    /// The folder for the input that is being read.
    pub running: Option<PathBuf>,
}

/// The outcome of a campaign.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The number of inputs that were read or refused.
    pub n_inputs: u64,
    /// The number of inputs that were read.
    pub n_taken: u64,
    /// The time that it took, in seconds.
    pub seconds: f64,
    /// The failures, each with the smallest input that was found and the way to make it.
    pub findings: Vec<(Finding, Files, String)>,
}

impl Campaign {
    /// Reads the seeds as they are, and then inputs that are made of them. Of inputs that fail in the same
    /// way, one is reported.
    ///
    /// # Errors
    /// When seeds cannot be made, or nothing can be kept.
    pub fn run(&self, target: &'static Target) -> Result<Report> {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let _quiet = Quiet::new();
        let seeds = Seed::all(target)?;
        let running = Running::new(target.name, target.bound, self.running.clone());
        let read = |files: &Files| {
            running.begin(files).context("the input cannot be kept")?;
            let result = check(target, files);
            running.end();
            anyhow::Ok(result)
        };
        let started = Instant::now();
        let report = RefCell::new(Report::default());
        for seed in &seeds {
            report.borrow_mut().n_inputs += 1;
            match read(&seed.files)? {
                Ok(taken) => report.borrow_mut().n_taken += u64::from(taken),
                Err(finding) => report.borrow_mut().add(finding, &seed.files, format!("seed {}", seed.name)),
            }
        }
        let strategy = Input::strategy(&seeds);
        for batch in 0.. {
            let left = self.n_cases.map_or(u64::MAX, |n| n.saturating_sub(batch * u64::from(BATCH)));
            if left == 0 || self.time.is_some_and(|time| started.elapsed() >= time) {
                break;
            }
            let config = Config {
                cases: BATCH.min(u32::try_from(left).unwrap_or(BATCH)),
                failure_persistence: None,
                max_shrink_iters: 2_000,
                max_shrink_time: 20_000,
                ..Config::default()
            };
            let mut state = [0; 32];
            state[..8].copy_from_slice(&self.seed.to_le_bytes());
            state[8..16].copy_from_slice(&batch.to_le_bytes());
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &state);
            let result = TestRunner::new_with_rng(config, rng).run(&strategy, |input| {
                let files = input.files(&seeds);
                let failed = |what: String| TestCaseError::fail(what);
                match read(&files).map_err(|error| failed(format!("{error:#}")))? {
                    Ok(taken) => {
                        let mut report = report.borrow_mut();
                        report.n_inputs += 1;
                        report.n_taken += u64::from(taken);
                        Ok(())
                    }
                    Err(finding) if report.borrow().has(&finding) => Ok(()),
                    Err(finding) => Err(failed(finding.to_string())),
                }
            });
            if let Err(error) = result {
                let TestError::Fail(_, input) = error else { anyhow::bail!("{}: {error}", target.name) };
                let files = input.files(&seeds);
                // It is read once more, for what was found is known to proptest as text only.
                if let Err(finding) = read(&files)? {
                    report.borrow_mut().add(finding, &files, input.describe(&seeds));
                }
            }
        }
        let mut report = report.into_inner();
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}

impl Report {
    fn has(&self, finding: &Finding) -> bool {
        self.findings.iter().any(|(known, _, _)| known.is_like(finding))
    }

    fn add(&mut self, finding: Finding, files: &Files, note: String) {
        if !self.has(&finding) {
            self.findings.push((finding, files.clone(), note));
        }
    }
}
