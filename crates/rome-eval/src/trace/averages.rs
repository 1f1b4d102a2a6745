//! Traces of many facts, averaged by the roles of tokens.

use serde::{Deserialize, Serialize};

use super::kind::TraceKind;
use super::token_role::TokenRole;
use super::trace::Trace;
use crate::estimate::Estimate;

/// Traces of one kind, averaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceAverages {
    /// The outputs that were restored.
    pub kind: TraceKind,
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
    pub role: TokenRole,
    /// TokenRole by role.
    pub roles: Vec<RoleAverage>,
}

/// The average indirect effect at the tokens of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleAverage {
    /// The role.
    pub role: TokenRole,
    /// The number of tokens that have it in all traces.
    pub n: usize,
    /// By layer, probabilities and not percentages.
    pub effects: Vec<Estimate>,
}

impl TraceAverages {
    /// TraceAverages traces of one kind; `None` if there are none.
    pub fn of(traces: &[Trace]) -> Option<Self> {
        let first = traces.first()?;
        let n_layers = first.scores.first()?.len();
        let of = |value: fn(&Trace) -> f64| Estimate::of(&traces.iter().map(value).collect::<Vec<_>>());
        let roles: Vec<RoleAverage> = TokenRole::ALL
            .into_iter()
            .map(|role| {
                let rows: Vec<Vec<f64>> = traces
                    .iter()
                    .flat_map(|trace| {
                        let effect = |score: &f64| score - trace.low_score;
                        role.tokens(trace.subject_range, trace.tokens.len())
                            .map(move |token| trace.scores[token].iter().map(effect).collect())
                    })
                    .collect();
                let at = |layer: usize| Estimate::of(&rows.iter().map(|row| row[layer]).collect::<Vec<_>>());
                RoleAverage { role, n: rows.len(), effects: (0..n_layers).map(at).collect() }
            })
            .collect();
        let at_subject = roles.iter().filter(|average| average.role <= TokenRole::LastSubject);
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
            kind: TraceKind::State,
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
    fn effects_are_relative_to_the_corrupted_run() {
        let averages = TraceAverages::of(&[trace([1, 3], 5), trace([2, 3], 5)]).unwrap();
        assert!((averages.total_effect.mean - 0.8).abs() < 1e-12);
        let last_subject = &averages.roles[2];
        assert_eq!((last_subject.role, last_subject.n), (TokenRole::LastSubject, 2));
        assert!((last_subject.effects[0].mean - 0.2).abs() < 1e-12);
        assert_eq!((averages.layer, averages.role), (0, TokenRole::LastSubject));
        assert_eq!(TraceAverages::of(&[]), None);
    }
}
