//! Counts faults and their outcomes.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

/// The number of times that a fault was tried on a command, and the outcomes.
#[derive(Debug, Serialize)]
pub(super) struct Tally {
    fault: &'static str,
    command: String,
    pub(super) times: usize,
    /// Why it was not tried.
    skipped: Option<String>,
    /// The number of times of each outcome.
    held: BTreeMap<&'static str, usize>,
    /// The checks that failed.
    broken: Vec<String>,
}

impl Tally {
    pub(super) fn new(fault: &'static str, command: &str) -> Self {
        let command = command.to_owned();
        Self { fault, command, times: 0, skipped: None, held: BTreeMap::new(), broken: Vec::new() }
    }

    pub(super) fn skipped(mut self, why: String) -> Self {
        self.skipped = Some(why);
        self
    }

    /// Counts this many times that something happened.
    pub(super) fn count(&mut self, what: &'static str, times: usize) {
        *self.held.entry(what).or_default() += times;
    }

    /// Notes that something held, or why it did not.
    pub(super) fn hold(&mut self, what: &'static str, result: Result<()>) {
        match result {
            Ok(()) => self.count(what, 1),
            Err(error) => self.broken.push(format!("{what}: {error:#}")),
        }
    }

    /// True if what was tried was a kill.
    pub(super) fn is_kill(&self) -> bool {
        self.fault == "killed"
    }

    pub(super) fn row(&self) -> Vec<String> {
        let held = self.held.iter().filter(|(_, times)| **times > 0);
        let mut what: Vec<String> = held.map(|(what, times)| format!("{what} {times}")).collect();
        if let Some(why) = &self.skipped {
            what = vec![format!("skipped: {why}")];
        }
        if !self.broken.is_empty() {
            what.push(format!("BROKEN {}", self.broken.len()));
        }
        vec![self.fault.to_owned(), self.command.clone(), self.times.to_string(), what.join(" · ")]
    }

    /// The checks that failed, as lines.
    pub(super) fn told(&self) -> impl Iterator<Item = String> {
        self.broken.iter().map(|broken| format!("{}, {}: {broken}", self.fault, self.command))
    }
}
