//! The measures of an evaluation, and the contribution of a record to each.

use std::collections::BTreeMap;

use crate::answers::Answers;
use crate::aspect::Aspect;
use crate::estimate::mean;

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

/// The factor of a measure: 1 for a perplexity, 100 for all others.
pub(crate) fn scale(measure: &str) -> f64 {
    if measure == "essence" { 1.0 } else { 100.0 }
}

/// The harmonic mean; zero if one of them is.
pub(crate) fn harmonic_mean(values: [f64; 3]) -> f64 {
    if values.contains(&0.0) { 0.0 } else { 3.0 / values.iter().map(|value| 1.0 / value).sum::<f64>() }
}

/// The contribution of one record to each measure, from 0 to 1 but for entropies and perplexities.
pub(crate) fn contributions(answers: &Answers) -> BTreeMap<&'static str, f64> {
    let share = |aspect| {
        answers.nlls(aspect)?;
        mean(&answers.outcomes(aspect).into_iter().map(as_number).collect::<Vec<_>>())
    };
    let difference = |aspect, sign: f64| {
        let values: Vec<f64> = answers.nlls(aspect)?.iter().map(|nll| sign * nll.difference()).collect();
        mean(&values)
    };
    let correct =
        |list: &Option<Vec<bool>>| mean(&list.as_ref()?.iter().copied().map(as_number).collect::<Vec<_>>());
    let all = [
        ("ES", share(Aspect::Rewrite)),
        ("PS", share(Aspect::Paraphrase)),
        ("NS", share(Aspect::Neighborhood)),
        ("EM", difference(Aspect::Rewrite, 1.0)),
        ("PM", difference(Aspect::Paraphrase, 1.0)),
        ("NM", difference(Aspect::Neighborhood, -1.0)),
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

fn as_number(is: bool) -> f64 {
    f64::from(u8::from(is))
}
