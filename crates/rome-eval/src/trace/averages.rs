//! Traces of many facts, averaged by what a token is to the fact.

use serde::{Deserialize, Serialize};

use super::{Kind, Trace};
use crate::Estimate;

/// What a token is to the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The subject's first token.
    FirstSubject,
    /// What is between its first and its last.
    MiddleSubject,
    /// The subject's last token.
    LastSubject,
    /// The first after it.
    FirstAfter,
    /// What is between that and the last.
    Further,
    /// The last token of the prompt.
    Last,
}

impl Role {
    /// All of them, in the order of a prompt.
    pub const ALL: [Self; 6] = [
        Self::FirstSubject,
        Self::MiddleSubject,
        Self::LastSubject,
        Self::FirstAfter,
        Self::Further,
        Self::Last,
    ];

    /// As plots call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::FirstSubject => "First subject token",
            Self::MiddleSubject => "Middle subject tokens",
            Self::LastSubject => "Last subject token",
            Self::FirstAfter => "First subsequent token",
            Self::Further => "Further tokens",
            Self::Last => "Last token",
        }
    }

    /// The tokens of a trace that have this role. As in the reference, a subject of one token is both
    /// its first and its last, and what follows may be both the first after it and the last.
    fn tokens(self, trace: &Trace) -> std::ops::Range<usize> {
        let [start, end] = trace.subject_range;
        let last = trace.tokens.len() - 1;
        match self {
            Self::FirstSubject => start..start + 1,
            Self::MiddleSubject => start + 1..(end - 1).max(start + 1),
            Self::LastSubject => end - 1..end,
            Self::FirstAfter => end..(end + 1).min(last + 1),
            Self::Further => (end + 1).min(last)..last,
            Self::Last => last..last + 1,
        }
    }
}

/// Traces of one kind, averaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// What was restored.
    pub kind: Kind,
    /// At how many layers at once.
    pub window: usize,
    /// The number of facts.
    pub n: usize,
    /// The probability of the answer in the clean run.
    pub high_score: Estimate,
    /// And in the corrupted one.
    pub low_score: Estimate,
    /// The average total effect: what the corruption takes.
    pub total_effect: Estimate,
    /// The greatest average indirect effect at the subject: what restoring gives back there, where it
    /// gives most. After the subject, restoring a state may restore no more than the answer itself.
    pub indirect_effect: f64,
    /// At which layer that is.
    pub layer: usize,
    /// And at which tokens.
    pub role: Role,
    /// Role by role.
    pub roles: Vec<RoleAverage>,
}

/// The average indirect effect at the tokens of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleAverage {
    /// The role.
    pub role: Role,
    /// How many tokens have it in all traces.
    pub n: usize,
    /// By layer, probabilities and not percentages.
    pub effects: Vec<Estimate>,
}

impl Averages {
    /// Averages traces of one kind; `None` if there are none.
    pub fn of(traces: &[Trace]) -> Option<Self> {
        let first = traces.first()?;
        let n_layers = first.scores.first()?.len();
        let of = |value: fn(&Trace) -> f64| Estimate::of(&traces.iter().map(value).collect::<Vec<_>>());
        let roles: Vec<RoleAverage> = Role::ALL
            .into_iter()
            .map(|role| {
                let rows: Vec<Vec<f64>> = traces
                    .iter()
                    .flat_map(|trace| {
                        let effect = |score: &f64| score - trace.low_score;
                        role.tokens(trace).map(move |token| trace.scores[token].iter().map(effect).collect())
                    })
                    .collect();
                let at = |layer: usize| Estimate::of(&rows.iter().map(|row| row[layer]).collect::<Vec<_>>());
                RoleAverage { role, n: rows.len(), effects: (0..n_layers).map(at).collect() }
            })
            .collect();
        let at_subject = roles.iter().filter(|average| average.role <= Role::LastSubject);
        let all = at_subject.flat_map(|average| {
            average.effects.iter().enumerate().map(|(layer, effect)| (effect.mean, layer, average.role))
        });
        let (indirect_effect, layer, role) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Self {
            kind: first.kind,
            window: first.window,
            n: traces.len(),
            high_score: of(|trace| trace.high_score),
            low_score: of(|trace| trace.low_score),
            total_effect: of(|trace| trace.high_score - trace.low_score),
            indirect_effect,
            layer,
            role,
            roles,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(subject: [usize; 2], n_tokens: usize) -> Trace {
        Trace {
            prompt: String::new(),
            subject: String::new(),
            kind: Kind::State,
            window: 1,
            severed: None,
            samples: 1,
            noise: None,
            tokens: vec![String::new(); n_tokens],
            subject_range: subject,
            answer: String::new(),
            high_score: 0.9,
            low_score: 0.1,
            scores: (0..n_tokens).map(|token| vec![0.1 + 0.1 * token as f64, 0.1]).collect(),
            environment: None,
        }
    }

    #[test]
    fn every_token_from_the_subject_on_has_its_role() {
        let tokens = |subject, n| Role::ALL.map(|role| role.tokens(&trace(subject, n)).collect::<Vec<_>>());
        assert_eq!(tokens([1, 4], 8), [vec![1], vec![2], vec![3], vec![4], vec![5, 6], vec![7]]);
        assert_eq!(tokens([0, 1], 2), [vec![0], vec![], vec![0], vec![1], vec![], vec![1]]);
        // A subject at the end has nothing after it.
        assert_eq!(tokens([1, 3], 3), [vec![1], vec![], vec![2], vec![], vec![], vec![2]]);
    }

    #[test]
    fn effects_are_relative_to_the_corrupted_run() {
        let averages = Averages::of(&[trace([1, 3], 5), trace([2, 3], 5)]).unwrap();
        assert!((averages.total_effect.mean - 0.8).abs() < 1e-12);
        let last_subject = &averages.roles[2];
        assert_eq!((last_subject.role, last_subject.n), (Role::LastSubject, 2));
        assert!((last_subject.effects[0].mean - 0.2).abs() < 1e-12);
        assert_eq!((averages.layer, averages.role), (0, Role::LastSubject));
        assert_eq!(Averages::of(&[]), None);
    }
}
