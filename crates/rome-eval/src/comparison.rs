//! Two runs over the same records, compared.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aspect::Aspect;
use crate::case::Case;
use crate::difference::{Difference, differences};
use crate::results::Results;

/// The differences between two runs over the cases that both have.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
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

/// A prompt whose outcome is another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// The case.
    pub case_id: u64,
    /// `rewrite`, `paraphrase` or `neighborhood`.
    pub kind: &'static str,
    /// The prompt's place in its list; of zsRE the token's place in its answer.
    pub index: usize,
    /// True if it comes out as it should in the first run.
    pub ours: bool,
}

impl Comparison {
    /// Compares two runs after their edits.
    pub fn new(ours: &Results, theirs: &Results) -> Self {
        let pairs = ours.cases().values().filter_map(|case| Some((case, theirs.cases().get(&case.case_id)?)));
        // One number may be another record's in another data set.
        let asks_the_same = |(a, b): &(&Case, &Case)| a.requested_rewrite.asks_the_same(&b.requested_rewrite);
        let pairs: Vec<(&Case, &Case)> = pairs.filter(asks_the_same).collect();
        let mut flips = Vec::new();
        let mut n_same = 0;
        for (ours, theirs) in &pairs {
            for aspect in Aspect::ALL {
                let outcomes = ours.post.outcomes(aspect).into_iter().zip(theirs.post.outcomes(aspect));
                for (index, (a, b)) in outcomes.enumerate() {
                    if a == b {
                        n_same += 1
                    } else {
                        flips.push(Flip { case_id: ours.case_id, kind: aspect.name(), index, ours: a })
                    }
                }
            }
        }
        let n_unpaired = ours.cases().len() + theirs.cases().len() - 2 * pairs.len();
        Self { n: pairs.len(), n_unpaired, measures: differences(&pairs), flips, n_same }
    }

    /// The share of prompts whose outcome is the same.
    pub fn agreement(&self) -> f64 {
        let n = self.n_same + self.flips.len();
        if n == 0 { 1.0 } else { self.n_same as f64 / n as f64 }
    }
}
