//! The trace of one prompt.

use rome_core::Environment;
use serde::{Deserialize, Serialize};

use super::kind::TraceKind;

/// A trace: how probable the answer is with each state restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The prompt, subject in its place.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// The outputs that were restored.
    pub kind: TraceKind,
    /// At how many layers at once.
    pub window: usize,
    /// Whose paths were cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severed: Option<TraceKind>,
    /// The number of times that the prompt was corrupted.
    pub samples: usize,
    /// The standard deviation of the noise; nothing of noise from a file.
    #[serde(default)]
    pub noise: Option<f64>,
    /// The tokens of the prompt.
    pub tokens: Vec<String>,
    /// The tokens of the subject, end exclusive.
    pub subject_range: [usize; 2],
    /// The answer that is traced: the most probable token of the clean run, unless one was asked for.
    pub answer: String,
    /// Its probability in the clean run: the product over its tokens.
    pub high_score: f64,
    /// Its probability in the corrupted run, the mean over samples.
    pub low_score: f64,
    /// Its probability with a state restored, `[tokens][layers]`.
    pub scores: Vec<Vec<f64>>,
    /// The machine and program that computed it; none of a trace of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// A cell of a trace: a token and a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceCell {
    /// The token, by its place in the prompt.
    pub token: usize,
    /// The layer.
    pub layer: usize,
    /// The probability of the answer with the state there restored.
    pub score: f64,
}

impl Trace {
    /// Returns the cell at the subject whose restoring makes the answer most probable. After the subject, a
    /// state may hold no more than the answer itself.
    pub fn best_at_subject(&self) -> Option<TraceCell> {
        let [start, end] = self.subject_range;
        let cells = (start..end).flat_map(|token| {
            self.scores[token].iter().enumerate().map(move |(layer, &score)| TraceCell {
                token,
                layer,
                score,
            })
        });
        cells.max_by(|a, b| a.score.total_cmp(&b.score))
    }
}
