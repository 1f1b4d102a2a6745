//! Results of many records as means with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::case::Case;
use crate::estimate::{Estimate, mean};
use crate::measures::{SCORES, contributions, harmonic_mean, scale};

/// The estimate of each [measure](crate::MEASURES) by its name, times 100 but for the perplexity.
pub type Summary = BTreeMap<String, Estimate>;

/// A summary of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The number of records.
    pub n: usize,
    /// Before the edits.
    pub pre: Summary,
    /// After them, one edit at a time.
    pub post: Summary,
    /// The mean time of an edit, in seconds.
    pub time: f64,
}

impl RunSummary {
    /// Summarises cases.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let cases: Vec<&Case> = cases.into_iter().collect();
        let of = |answers: fn(&Case) -> &Answers| summarise(cases.iter().map(|case| answers(case)));
        let times: Vec<f64> = cases.iter().map(|case| case.time).collect();
        Self {
            n: cases.len(),
            pre: of(|case| &case.pre),
            post: of(|case| &case.post),
            time: mean(&times).unwrap_or(0.0),
        }
    }

    /// A measure after the edits.
    pub fn post(&self, measure: &str) -> Option<Estimate> {
        self.post.get(measure).copied()
    }
}

/// Summarises answers: of each record first, then over records, as `summarize.py` of the reference.
pub fn summarise<'a>(answers: impl IntoIterator<Item = &'a Answers>) -> Summary {
    let records: Vec<BTreeMap<&str, f64>> = answers.into_iter().map(contributions).collect();
    let mut names: Vec<&str> = records.iter().flat_map(|record| record.keys().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let mut summary = Summary::new();
    for name in names {
        let values: Vec<f64> = records.iter().filter_map(|record| record.get(name).copied()).collect();
        summary.insert(name.to_owned(), Estimate::of(&values).times(scale(name)));
    }
    for (score, parts) in SCORES {
        if let Some(estimate) = harmonic(&records, parts) {
            summary.insert(score.to_owned(), estimate.times(scale(score)));
        }
    }
    summary
}

/// The harmonic mean of three means, with the interval that the delta method gives it: the slope of
/// the harmonic mean at the means turns each record's three values into one.
fn harmonic(records: &[BTreeMap<&str, f64>], parts: [&str; 3]) -> Option<Estimate> {
    let of = |part: &str| records.iter().filter_map(|record| record.get(part).copied()).collect::<Vec<f64>>();
    let values = parts.map(of);
    let [a, b, c] = [0, 1, 2].map(|part| mean(&values[part]));
    let means = [a?, b?, c?];
    let score = harmonic_mean(means);
    if score == 0.0 {
        return Some(Estimate { mean: 0.0, ci95: 0.0 });
    }
    let n = records.len() as f64;
    let influence = |record: &BTreeMap<&str, f64>| -> f64 {
        let terms = parts.iter().enumerate().filter_map(|(part, name)| {
            let (mean, count) = (means[part], values[part].len() as f64);
            // A mean over fewer records hangs more on each of them.
            Some(n / count * score * score / 3.0 * (record.get(name)? - mean) / (mean * mean))
        });
        terms.sum()
    };
    let Estimate { ci95, .. } = Estimate::of(&records.iter().map(influence).collect::<Vec<_>>());
    Some(Estimate { mean: score, ci95 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nll::Nll;

    fn nlls(pairs: &[(f64, f64)]) -> Option<Vec<Nll>> {
        let nll = |&(target_new, target_true): &(f64, f64)| Nll { target_new, target_true };
        Some(pairs.iter().map(nll).collect())
    }

    #[test]
    fn a_record_counts_once_however_many_prompts_it_has() {
        let answers = [
            Answers { paraphrase_prompts_probs: nlls(&[(1.0, 2.0)]), ..Answers::default() },
            Answers {
                paraphrase_prompts_probs: nlls(&[(2.0, 1.0), (2.0, 1.0), (2.0, 1.0), (1.0, 2.0)]),
                ..Answers::default()
            },
            // Nothing was asked: it does not count.
            Answers::default(),
        ];
        let summary = summarise(&answers);
        assert!((summary["PS"].mean - 62.5).abs() < 1e-9);
        assert!(!summary.contains_key("ES") && !summary.contains_key("S"));
    }

    #[test]
    fn equals_are_a_success_of_neither() {
        let answers = Answers {
            rewrite_prompts_probs: nlls(&[(1.0, 1.0)]),
            neighborhood_prompts_probs: nlls(&[(1.0, 1.0)]),
            ..Answers::default()
        };
        let summary = summarise([&answers]);
        assert_eq!((summary["ES"].mean, summary["NS"].mean), (0.0, 0.0));
    }

    #[test]
    fn the_score_is_a_harmonic_mean_with_a_bootstrap_interval() {
        use rand::RngExt;
        use rand_chacha::rand_core::SeedableRng;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        // Every third record has no neighbours.
        let answers: Vec<Answers> = (0..200)
            .map(|index| {
                let mut pick = |p: f64| if rng.random::<f64>() < p { (1.0, 2.0) } else { (2.0, 1.0) };
                Answers {
                    rewrite_prompts_probs: nlls(&[pick(0.9)]),
                    paraphrase_prompts_probs: nlls(&[pick(0.7), pick(0.7)]),
                    neighborhood_prompts_probs: nlls(&[pick(0.2), pick(0.2), pick(0.2)])
                        .filter(|_| index % 3 != 0),
                    ..Answers::default()
                }
            })
            .collect();
        let summary = summarise(&answers);
        let [a, b, c] = ["ES", "PS", "NS"].map(|name| summary[name].mean);
        let expected = 3.0 / (1.0 / a + 1.0 / b + 1.0 / c);
        assert!((summary["S"].mean - expected).abs() < 1e-9);
        let mut scores: Vec<f64> = (0..2_000)
            .map(|_| {
                let drawn: Vec<&Answers> = (0..200).map(|_| &answers[rng.random_range(0..200)]).collect();
                summarise(drawn)["S"].mean
            })
            .collect();
        scores.sort_by(f64::total_cmp);
        let half_width = (scores[1_949] - scores[49]) / 2.0;
        // The ends of 2,000 draws are known to some five per cent.
        assert!((summary["S"].ci95 / half_width - 1.0).abs() < 0.15, "{half_width} {:?}", summary["S"]);
    }
}
