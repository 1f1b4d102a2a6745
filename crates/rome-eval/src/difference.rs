//! The difference of a measure between two runs.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use crate::case::Case;
use crate::measures::{SCORES, contributions, harmonic_mean, scale};

/// Draws of the bootstrap.
const DRAWS: usize = 10_000;

/// A measure of two runs, times 100, with a paired bootstrap over cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Of the first run.
    pub ours: f64,
    /// Of the other.
    pub theirs: f64,
    /// `ours - theirs`.
    pub difference: f64,
    /// The 95 % interval of the difference.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// The share of draws at the other side of zero, twice: how surprising the difference would be if
    /// there were none. A single case says nothing about that, and it is 1.
    pub p: f64,
}

impl Difference {
    /// Judges the difference of two means by the differences in the draws of a bootstrap.
    fn new([ours, theirs]: [f64; 2], mut drawn: Vec<f64>) -> Self {
        drawn.sort_by(f64::total_cmp);
        let at =
            |share: f64| drawn.get((share * drawn.len() as f64) as usize).copied().unwrap_or(ours - theirs);
        let beyond =
            |is: fn(&f64) -> bool| drawn.iter().filter(|x| is(x)).count() as f64 / drawn.len().max(1) as f64;
        let p = if drawn.is_empty() {
            1.0
        } else {
            (2.0 * beyond(|&x| x <= 0.0).min(beyond(|&x| x >= 0.0))).min(1.0)
        };
        Self { ours, theirs, difference: ours - theirs, low: at(0.025), high: at(0.975), p }
    }
}

/// The values of a measure in all cases: sums and counts are all that a mean needs.
struct Column {
    name: String,
    values: Vec<[Option<f64>; 2]>,
    scale: f64,
}

/// The differences of all measures, with a paired bootstrap over cases.
pub(crate) fn differences(pairs: &[(&Case, &Case)]) -> BTreeMap<String, Difference> {
    let contributed: Vec<[BTreeMap<&str, f64>; 2]> =
        pairs.iter().map(|(a, b)| [contributions(&a.post), contributions(&b.post)]).collect();
    let mut names: Vec<&str> =
        contributed.iter().flatten().flat_map(|record| record.keys().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let columns: Vec<Column> = names
        .into_iter()
        .map(|name| Column {
            name: name.to_owned(),
            values: contributed
                .iter()
                .map(|pair| [pair[0].get(name).copied(), pair[1].get(name).copied()])
                .collect(),
            scale: scale(name),
        })
        .collect();

    let n = pairs.len();
    let all: Vec<usize> = (0..n).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let observed = means(&columns, &all);
    let mut drawn: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..if n > 1 { DRAWS } else { 0 } {
        let cases: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
        for (name, [a, b]) in means(&columns, &cases) {
            drawn.entry(name).or_default().push(a - b);
        }
    }
    let difference = |(name, [ours, theirs]): (String, [f64; 2])| {
        let drawn = drawn.remove(&name).unwrap_or_default();
        (name, Difference::new([ours, theirs], drawn))
    };
    observed.into_iter().map(difference).collect()
}

/// The means of some cases, and their harmonic mean.
fn means(columns: &[Column], cases: &[usize]) -> BTreeMap<String, [f64; 2]> {
    let mut means = BTreeMap::new();
    for column in columns {
        let mean = [0, 1].map(|side| {
            let values = cases.iter().filter_map(|&case| column.values[case][side]);
            let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
            column.scale * sum / n
        });
        if mean.iter().all(|mean| mean.is_finite()) {
            means.insert(column.name.clone(), mean);
        }
    }
    for (score, parts) in SCORES {
        if let [Some(a), Some(b), Some(c)] = parts.map(|part| means.get(part)) {
            let score_of = [0, 1].map(|side| harmonic_mean([a[side], b[side], c[side]]));
            means.insert(score.to_owned(), score_of);
        }
    }
    means
}
