//! Advice on a setting.

use std::fmt;

use rome_eval::Estimate;
use serde::Serialize;

use super::scores::score;
use super::sweep_results::SweepResults;

/// Advice on the value of a setting, by the scores of all values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SweepAdvice {
    /// The setting.
    pub setting: &'static str,
    /// The value with the highest score.
    pub best: String,
    /// Its score.
    pub score: Estimate,
    /// The number of other values.
    pub n_others: usize,
    /// The points whose 95 % intervals reach the highest score.
    pub indistinguishable: Vec<String>,
}

impl SweepAdvice {
    /// Advises on a sweep; nothing if no value has a score.
    pub(crate) fn of(results: &SweepResults) -> Option<Self> {
        let (best, best_score) = results.best()?;
        let value = |name: &str| name.trim_start_matches(&format!("{}-", results.setting)).to_owned();
        let reaches = |other: Estimate| other.mean + other.ci95 >= best_score.mean;
        let others = results.points.iter().filter(|(point, _)| point.name != best.name);
        let near = others.filter(|(_, summary)| score(summary).is_some_and(reaches));
        Some(Self {
            setting: results.setting,
            best: value(&best.name),
            score: best_score,
            n_others: results.points.len() - 1,
            indistinguishable: near.map(|(point, _)| value(&point.name)).collect(),
        })
    }
}

impl fmt::Display for SweepAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, best, score: Estimate { mean, ci95 }, n_others, indistinguishable } = self;
        write!(f, "best {setting}: {best}, score {mean:.1} ±{ci95:.1}; ")?;
        match (n_others, indistinguishable.as_slice()) {
            (0, _) => f.write_str("nothing else was tried"),
            (_, []) => f.write_str("the others are worse by more than their 95 % intervals"),
            (_, near) => write!(f, "not distinguishable from it: {}", near.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rome_core::RomeConfig;
    use rome_eval::{RunSummary, Summary};

    use super::*;
    use crate::evaluate::sweep_point::SweepPoint;

    /// A value with its score, half its interval, and how far it moves probabilities.
    fn point(name: &str, mean: f64, ci95: f64, moved: f64) -> (SweepPoint, RunSummary) {
        let name = format!("clamp-{name}");
        let point = SweepPoint { name, value: None, config: RomeConfig::new(1), n_contexts: None };
        let estimates = [("S", Estimate { mean, ci95 }), ("EM", Estimate { mean: moved, ci95: 0.0 })];
        let post: Summary = estimates.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (point, RunSummary { n: 1, pre: Summary::new(), post, time: 0.0 })
    }

    fn advice(points: Vec<(SweepPoint, RunSummary)>) -> Option<String> {
        SweepAdvice::of(&SweepResults { setting: "clamp", points }).map(|advice| advice.to_string())
    }

    #[test]
    fn the_highest_score_wins_and_a_tie_moves_more() {
        let points = vec![point("1", 50.0, 2.0, 9.0), point("2", 80.0, 1.0, 7.0), point("4", 80.0, 1.0, 5.0)];
        assert_eq!(advice(points).unwrap(), "best clamp: 2, score 80.0 ±1.0; not distinguishable from it: 4");
        let points = vec![point("1", 50.0, 2.0, 9.0), point("2", 80.0, 1.0, 7.0)];
        assert_eq!(
            advice(points).unwrap(),
            "best clamp: 2, score 80.0 ±1.0; the others are worse by more than their 95 % intervals"
        );
        assert_eq!(
            advice(vec![point("8", 60.0, 3.0, 1.0)]).unwrap(),
            "best clamp: 8, score 60.0 ±3.0; nothing else was tried"
        );
        assert_eq!(advice(Vec::new()), None);
    }
}
