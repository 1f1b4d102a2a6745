//! The scores so far, on one line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rome_eval::{Case, RunSummary};

use super::scores::SCORES;

/// The minimum time between two updates of the line.
const PACE: Duration = Duration::from_millis(200);

/// The inverse of the largest share of time that updates may take.
const SHARE: u32 = 20;

/// The scores so far, on one line, for whoever watches.
pub(super) struct ScoreLine {
    label: String,
    line: String,
    last: Instant,
    pace: Duration,
}

impl ScoreLine {
    /// Starts with a label alone.
    pub(super) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), line: label.to_owned(), last: Instant::now(), pace: PACE }
    }

    /// Updates the line if it is time to, and returns it.
    pub(super) fn update(&mut self, cases: &BTreeMap<u64, Case>) -> &str {
        if self.last.elapsed() > self.pace {
            let start = Instant::now();
            let scores = scores(&RunSummary::of(cases.values()));
            let parts = [self.label.as_str(), &scores].into_iter().filter(|part| !part.is_empty());
            self.line = parts.collect::<Vec<_>>().join(" · ");
            self.last = Instant::now();
            self.pace = PACE.max(SHARE * start.elapsed());
        }
        &self.line
    }
}

fn scores(summary: &RunSummary) -> String {
    let scores = SCORES.iter().filter_map(|name| Some(format!("{name} {:.1}", summary.post(name)?.mean)));
    scores.collect::<Vec<_>>().join(" ")
}
