//! Two runs over the same records, held against each other.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use crate::answers::Kind;
use crate::summary::{SCORES, contributions, harmonic_mean, scale};
use crate::{Case, Results};

/// Draws of the bootstrap.
const DRAWS: usize = 10_000;

/// How a run differs from another over the cases that both have.
#[derive(Debug, Clone, Serialize)]
pub struct Against {
    /// The number of cases that both runs have.
    pub n: usize,
    /// The cases that only one of them has.
    pub n_unpaired: usize,
    /// Of each measure, how the runs compare after their edits.
    pub measures: BTreeMap<String, Difference>,
    /// Prompts that came out as they should in one of the runs alone.
    pub flips: Vec<Flip>,
    /// The number of prompts whose outcome is the same.
    pub n_same: usize,
}

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

/// A prompt whose outcome is another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// The case.
    pub case_id: u64,
    /// `rewrite`, `paraphrase` or `neighborhood`.
    pub kind: &'static str,
    /// The prompt's place in its list; of zsRE the token's place in its answer.
    pub index: usize,
    /// Whether it comes out as it should in the first run.
    pub ours: bool,
}

impl Against {
    /// Compares two runs after their edits.
    pub fn new(ours: &Results, theirs: &Results) -> Self {
        let pairs = ours.cases().values().filter_map(|case| Some((case, theirs.cases().get(&case.case_id)?)));
        // One number may be another record's in another data set.
        let asks_the_same = |(a, b): &(&Case, &Case)| a.requested_rewrite.asks_the_same(&b.requested_rewrite);
        let pairs: Vec<(&Case, &Case)> = pairs.filter(asks_the_same).collect();
        let mut flips = Vec::new();
        let mut n_same = 0;
        for (ours, theirs) in &pairs {
            for kind in Kind::ALL {
                let outcomes = ours.post.outcomes(kind).into_iter().zip(theirs.post.outcomes(kind));
                for (index, (a, b)) in outcomes.enumerate() {
                    match a == b {
                        true => n_same += 1,
                        false => {
                            flips.push(Flip { case_id: ours.case_id, kind: kind.name(), index, ours: a })
                        }
                    }
                }
            }
        }
        let n_unpaired = ours.cases().len() + theirs.cases().len() - 2 * pairs.len();
        Self { n: pairs.len(), n_unpaired, measures: measures(&pairs), flips, n_same }
    }

    /// The share of prompts whose outcome is the same.
    pub fn agreement(&self) -> f64 {
        let n = self.n_same + self.flips.len();
        if n == 0 { 1.0 } else { self.n_same as f64 / n as f64 }
    }
}

/// The values of a measure in all cases: sums and counts are all that a mean needs.
struct Column {
    name: String,
    values: Vec<[Option<f64>; 2]>,
    scale: f64,
}

fn measures(pairs: &[(&Case, &Case)]) -> BTreeMap<String, Difference> {
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
    let mut differences: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..if n > 1 { DRAWS } else { 0 } {
        let drawn: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
        for (name, [a, b]) in means(&columns, &drawn) {
            differences.entry(name).or_default().push(a - b);
        }
    }
    let difference = |(name, [ours, theirs]): (String, [f64; 2])| {
        let mut drawn = differences.remove(&name).unwrap_or_default();
        drawn.sort_by(f64::total_cmp);
        let at =
            |share: f64| drawn.get((share * drawn.len() as f64) as usize).copied().unwrap_or(ours - theirs);
        let (low, high) = (at(0.025), at(0.975));
        let beyond =
            |is: fn(&f64) -> bool| drawn.iter().filter(|x| is(x)).count() as f64 / drawn.len().max(1) as f64;
        let p = match drawn.is_empty() {
            true => 1.0,
            false => (2.0 * beyond(|&x| x <= 0.0).min(beyond(|&x| x >= 0.0))).min(1.0),
        };
        (name, Difference { ours, theirs, difference: ours - theirs, low, high, p })
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
