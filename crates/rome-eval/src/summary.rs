//! Results of many records as means with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answers::Kind;
use crate::{Answers, Case};

/// Half of a 95 % interval of a normal distribution, in standard deviations.
const Z_95: f64 = 1.96;

/// A mean and half the width of its 95 % interval; of a [`Summary`] both times 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean over records.
    pub mean: f64,
    /// Half the width of its 95 % interval.
    pub ci95: f64,
}

/// What each measure came to, by its name, times 100 but for the perplexity; see [`MEASURES`].
pub type Summary = BTreeMap<String, Estimate>;

/// The measures: their names, and what they say.
pub const MEASURES: [(&str, &str); 17] = [
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
    ("GE", "generation entropy: of pairs and triples of words, in bits, times 100"),
    ("RS", "reference score: how like generated text is to texts about the new object's subjects"),
    ("essence", "the perplexity of texts about the subject, as it is"),
];

/// Harmonic means, and what they are of.
pub(crate) const SCORES: [(&str, [&str; 3]); 2] =
    [("S", ["ES", "PS", "NS"]), ("score", ["efficacy", "paraphrase", "specificity"])];

impl Estimate {
    /// The mean of values and its interval; nothing of nothing is zero.
    pub fn of(values: &[f64]) -> Self {
        let mean = mean(values).unwrap_or(0.0);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let n = values.len().max(1) as f64;
        // The deviation of the population that values are drawn from.
        Self { mean, ci95: Z_95 * (squares / (n - 1.0).max(1.0) / n).sqrt() }
    }

    fn times(self, factor: f64) -> Self {
        Self { mean: factor * self.mean, ci95: factor * self.ci95 }
    }
}

/// What a measure is multiplied by: a perplexity is what it is.
pub(crate) fn scale(measure: &str) -> f64 {
    if measure == "essence" { 1.0 } else { 100.0 }
}

/// The harmonic mean; zero if one of them is.
pub(crate) fn harmonic_mean(values: [f64; 3]) -> f64 {
    match values.contains(&0.0) {
        true => 0.0,
        false => 3.0 / values.iter().map(|value| 1.0 / value).sum::<f64>(),
    }
}

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
    let share = |kind| {
        answers.nlls(kind)?;
        mean(&answers.outcomes(kind).into_iter().map(as_number).collect::<Vec<_>>())
    };
    let difference = |kind, sign: f64| {
        let values: Vec<f64> = answers.nlls(kind)?.iter().map(|nll| sign * nll.difference()).collect();
        mean(&values)
    };
    let correct =
        |list: &Option<Vec<bool>>| mean(&list.as_ref()?.iter().copied().map(as_number).collect::<Vec<_>>());
    let all = [
        ("ES", share(Kind::Rewrite)),
        ("PS", share(Kind::Paraphrase)),
        ("NS", share(Kind::Neighborhood)),
        ("EM", difference(Kind::Rewrite, 1.0)),
        ("PM", difference(Kind::Paraphrase, 1.0)),
        ("NM", difference(Kind::Neighborhood, -1.0)),
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

fn as_number(is: bool) -> f64 {
    f64::from(u8::from(is))
}

pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nll;

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
