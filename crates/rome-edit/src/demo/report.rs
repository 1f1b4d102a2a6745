//! The report of the demo.

use serde::Serialize;

/// The answers of a model before and after the edit of the demo.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DemoReport {
    /// The model.
    pub model: String,
    /// The person that the fact is about.
    pub subject: &'static str,
    /// The prompt that was edited, with `{}` for the subject.
    pub prompt: &'static str,
    /// The old answer.
    pub old: &'static str,
    /// The new answer.
    pub new: &'static str,
    /// The layer that was edited.
    pub layer: usize,
    /// The weight that was edited.
    pub weight: String,
    /// The number of values in the edit.
    pub n_values: usize,
    /// `‖ΔW‖ / ‖W‖`
    pub relative_norm: f64,
    /// The edited prompt.
    pub rewrite: DemoPrompt,
    /// The same in other words.
    pub paraphrases: Vec<DemoPrompt>,
    /// Others, who should stay as they are.
    pub neighbours: Vec<DemoPrompt>,
    /// True if the new answer is the most probable one after the edit.
    #[serde(rename = "took")]
    pub succeeded: bool,
    /// True if weights and logits were those of the untouched model again, to the bit, once the edit was
    /// undone.
    pub undone: bool,
}

impl DemoReport {
    /// The prompts in groups, each with its heading: the edited one, its paraphrases, and neighbors.
    pub fn groups(&self) -> [(&'static str, &[DemoPrompt]); 3] {
        [
            ("The edited prompt", std::slice::from_ref(&self.rewrite)),
            ("Paraphrases", &self.paraphrases),
            ("Neighbors, which should not change", &self.neighbours),
        ]
    }
}

/// The answers to one prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemoPrompt {
    /// The prompt.
    pub prompt: String,
    /// The answer before the edit.
    pub before: DemoAnswer,
    /// The answer after it.
    pub after: DemoAnswer,
}

/// The answer to a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemoAnswer {
    /// The probability of the old answer.
    pub old: f64,
    /// The probability of the new answer.
    pub new: f64,
    /// The most probable token.
    pub top: String,
}
