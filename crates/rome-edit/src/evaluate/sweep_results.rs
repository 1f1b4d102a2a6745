//! The results of a sweep.

use rome_eval::{Estimate, Results, RunSummary};

use super::scores::score;
use super::sweep_point::SweepPoint;

/// A setting with the summary of each of its values.
pub(crate) struct SweepResults {
    /// The name of the setting.
    pub(crate) setting: &'static str,
    /// Its values, in order.
    pub(crate) points: Vec<(SweepPoint, RunSummary)>,
}

impl SweepResults {
    /// Finds the summary of each value of each setting among runs, by name.
    pub(super) fn of(sweeps: Vec<(&'static str, Vec<SweepPoint>)>, runs: &[Results]) -> Vec<Self> {
        let with_summary = |point: SweepPoint| {
            let summary = runs.iter().find(|run| run.run().name == point.name)?.summary();
            Some((point, summary))
        };
        let results = |(setting, points): (&'static str, Vec<SweepPoint>)| Self {
            setting,
            points: points.into_iter().filter_map(with_summary).collect(),
        };
        sweeps.into_iter().map(results).collect()
    }

    /// The value with the highest score; of equals, the one that moves probabilities furthest.
    pub(crate) fn best(&self) -> Option<(&SweepPoint, Estimate)> {
        let rank = |summary: &RunSummary| {
            let moved = ["EM", "PM", "NM"].into_iter().filter_map(|measure| summary.post(measure));
            Some((score(summary)?, moved.map(|estimate| estimate.mean).sum::<f64>()))
        };
        let ranked = self.points.iter().filter_map(|(point, summary)| Some((point, rank(summary)?)));
        let best = ranked.max_by(|(_, a), (_, b)| a.0.mean.total_cmp(&b.0.mean).then(a.1.total_cmp(&b.1)));
        best.map(|(point, (score, _))| (point, score))
    }
}
