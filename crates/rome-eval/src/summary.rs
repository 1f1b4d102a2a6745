//! Results of many records as means with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answers::Nll;
use crate::{Answers, Case};

/// Half of a 95 % interval of a normal distribution, in standard deviations.
const Z_95: f64 = 1.96;

/// A mean and half the width of its 95 % interval, both times 100 but for entropies and perplexities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean over records.
    pub mean: f64,
    /// Half the width of its 95 % interval.
    pub ci95: f64,
}

/// What each measure came to, by its name; see [`MEASURES`].
pub type Summary = BTreeMap<String, Estimate>;

/// The measures: their names, and what they say.
pub const MEASURES: [(&str, &str); 16] = [
    ("S", "score: the harmonic mean of ES, PS and NS"),
    ("ES", "efficacy: the new object is the more probable one after the prompt of the edit"),
    ("PS", "paraphrase: and after the same in other words"),
    ("NS", "neighborhood: subjects that share the old object still have it"),
    ("EM", "how much more probable the new object is after the prompt of the edit"),
    ("PM", "and after the same in other words"),
    ("NM", "how much more probable the old object still is for those that share it"),
    ("score", "zsRE: the harmonic mean of the three below"),
    ("efficacy", "zsRE: tokens of the answer that are the most probable ones"),
    ("paraphrase", "zsRE: the same for the question in other words"),
    ("specificity", "zsRE: the same for another question, with its own answer"),
    ("efficacy_exact", "zsRE: efficacy over the tokens as they are"),
    ("paraphrase_exact", "zsRE: paraphrase over the tokens as they are"),
    ("specificity_exact", "zsRE: specificity over the tokens as they are"),
    ("GE", "generation entropy: of pairs and triples of words, in bits"),
    ("RS", "reference score: how like generated text is to texts about the new object's subjects"),
];

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

/// What one record contributes to each measure, from 0 to 1 but for entropies and perplexities.
pub(crate) fn contributions(answers: &Answers) -> BTreeMap<&'static str, f64> {
    let shares = |list: &Option<Vec<Nll>>, value: fn(&Nll) -> f64| {
        let values: Vec<f64> = list.as_ref()?.iter().map(value).collect();
        mean(&values)
    };
    let correct = |list: &Option<Vec<bool>>| {
        let values: Vec<f64> = list.as_ref()?.iter().map(|&correct| f64::from(u8::from(correct))).collect();
        mean(&values)
    };
    let Answers {
        rewrite_prompts_probs: rewrite,
        paraphrase_prompts_probs: paraphrase,
        neighborhood_prompts_probs: neighborhood,
        ..
    } = answers;
    let new: fn(&Nll) -> f64 = |nll| f64::from(u8::from(nll.prefers_new()));
    let all = [
        ("ES", shares(rewrite, new)),
        ("PS", shares(paraphrase, new)),
        ("NS", shares(neighborhood, |nll| f64::from(u8::from(nll.prefers_true())))),
        ("EM", shares(rewrite, |nll| nll.difference())),
        ("PM", shares(paraphrase, |nll| nll.difference())),
        ("NM", shares(neighborhood, |nll| -nll.difference())),
        ("efficacy", correct(&answers.rewrite_prompts_correct)),
        ("paraphrase", correct(&answers.paraphrase_prompts_correct)),
        ("specificity", correct(&answers.neighborhood_prompts_correct)),
        ("efficacy_exact", correct(&answers.rewrite_prompts_correct_exact)),
        ("paraphrase_exact", correct(&answers.paraphrase_prompts_correct_exact)),
        ("specificity_exact", correct(&answers.neighborhood_prompts_correct_exact)),
        ("GE", answers.ngram_entropy),
        ("RS", answers.reference_score),
        ("essence", answers.essence_score),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
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
        // Perplexities are what they are.
        let scale = if name == "essence" { 1.0 } else { 100.0 };
        if let Some(mean) = mean(&values) {
            let ci95 = Z_95 * deviation(&values, mean) / (values.len() as f64).sqrt();
            summary.insert(name.to_owned(), Estimate { mean: scale * mean, ci95: scale * ci95 });
        }
    }
    for (score, parts) in [("S", ["ES", "PS", "NS"]), ("score", ["efficacy", "paraphrase", "specificity"])] {
        if let Some(estimate) = harmonic(&records, parts) {
            summary.insert(score.to_owned(), estimate);
        }
    }
    summary
}

/// The harmonic mean of three means, with the interval that the delta method gives it: the slope of
/// the harmonic mean at the means turns each record's three values into one.
fn harmonic(records: &[BTreeMap<&str, f64>], parts: [&str; 3]) -> Option<Estimate> {
    let means = parts.map(|part| {
        let values: Vec<f64> = records.iter().filter_map(|record| record.get(part).copied()).collect();
        mean(&values)
    });
    let [Some(a), Some(b), Some(c)] = means else { return None };
    let means = [a, b, c];
    if means.contains(&0.0) {
        return Some(Estimate { mean: 0.0, ci95: 0.0 });
    }
    let score = 3.0 / means.iter().map(|mean| 1.0 / mean).sum::<f64>();
    let influence = |record: &BTreeMap<&str, f64>| -> f64 {
        let terms = parts.iter().zip(means).filter_map(|(part, mean)| {
            let value = record.get(part)?;
            Some(score * score / 3.0 * (value - mean) / (mean * mean))
        });
        terms.sum()
    };
    let influences: Vec<f64> = records.iter().map(influence).collect();
    let ci95 = Z_95 * deviation(&influences, 0.0) / (records.len() as f64).sqrt();
    Some(Estimate { mean: 100.0 * score, ci95: 100.0 * ci95 })
}

pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of the population that values are drawn from.
fn deviation(values: &[f64], mean: f64) -> f64 {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_score_is_the_harmonic_mean_and_its_interval_is_that_of_a_bootstrap() {
        use rand::RngExt;
        use rand_chacha::rand_core::SeedableRng;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let answers: Vec<Answers> = (0..200)
            .map(|_| {
                let mut pick = |p: f64| if rng.random::<f64>() < p { (1.0, 2.0) } else { (2.0, 1.0) };
                Answers {
                    rewrite_prompts_probs: nlls(&[pick(0.9)]),
                    paraphrase_prompts_probs: nlls(&[pick(0.7), pick(0.7)]),
                    neighborhood_prompts_probs: nlls(&[pick(0.2), pick(0.2), pick(0.2)]),
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
