//! What a model answers to the questions of a record, by the names that the reference has for it.

use serde::{Deserialize, Serialize};

/// What a model answers to the questions of a record. What was not asked is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// Of the prompt of the edit itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite_prompts_probs: Option<Vec<Nll>>,
    /// Of the same in other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrase_prompts_probs: Option<Vec<Nll>>,
    /// Of subjects that share the old object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighborhood_prompts_probs: Option<Vec<Nll>>,
    /// Of subjects that have the new object already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_prompts_probs: Option<Vec<Nll>>,

    /// zsRE: of each token of the answer, whether it is the most probable one; text is encoded anew for
    /// each token, as the reference does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite_prompts_correct: Option<Vec<bool>>,
    /// The same for the question in other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrase_prompts_correct: Option<Vec<bool>>,
    /// The same for another question, with its own answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighborhood_prompts_correct: Option<Vec<bool>>,
    /// As `rewrite_prompts_correct`, over the tokens of prompt and answer as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite_prompts_correct_exact: Option<Vec<bool>>,
    /// As `paraphrase_prompts_correct`, over the tokens as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrase_prompts_correct_exact: Option<Vec<bool>>,
    /// As `neighborhood_prompts_correct`, over the tokens as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighborhood_prompts_correct_exact: Option<Vec<bool>>,

    /// The entropy of generated text, in bits: of its pairs and triples of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngram_entropy: Option<f64>,
    /// How much generated text is like texts about subjects that have the new object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_score: Option<f64>,
    /// The perplexity of texts about the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub essence_score: Option<f64>,
    /// The generated texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
}

/// The negative log-likelihoods of both objects after a prompt, means over their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nll {
    /// Of the new one.
    pub target_new: f64,
    /// Of the old one.
    pub target_true: f64,
}

/// The kinds of prompts that an edit is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rewrite,
    Paraphrase,
    Neighborhood,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Rewrite, Self::Paraphrase, Self::Neighborhood];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Paraphrase => "paraphrase",
            Self::Neighborhood => "neighborhood",
        }
    }
}

impl Answers {
    /// The likelihoods of prompts of a kind.
    pub(crate) fn nlls(&self, kind: Kind) -> Option<&[Nll]> {
        match kind {
            Kind::Rewrite => self.rewrite_prompts_probs.as_deref(),
            Kind::Paraphrase => self.paraphrase_prompts_probs.as_deref(),
            Kind::Neighborhood => self.neighborhood_prompts_probs.as_deref(),
        }
    }

    /// Whether each prompt of a kind, or of zsRE each token of its answer, came out as it should after
    /// an edit.
    pub(crate) fn outcomes(&self, kind: Kind) -> Vec<bool> {
        if let Some(nlls) = self.nlls(kind) {
            let is_right = |nll: &Nll| match kind {
                Kind::Neighborhood => nll.prefers_true(),
                _ => nll.prefers_new(),
            };
            return nlls.iter().map(is_right).collect();
        }
        let correct = match kind {
            Kind::Rewrite => &self.rewrite_prompts_correct,
            Kind::Paraphrase => &self.paraphrase_prompts_correct,
            Kind::Neighborhood => &self.neighborhood_prompts_correct,
        };
        correct.clone().unwrap_or_default()
    }

    /// Whether all numbers are such.
    pub(crate) fn is_finite(&self) -> bool {
        let attributes = self.attribute_prompts_probs.iter().flatten();
        let nlls = Kind::ALL.into_iter().filter_map(|kind| self.nlls(kind)).flatten().chain(attributes);
        let scores = [self.ngram_entropy, self.reference_score, self.essence_score];
        nlls.flat_map(|nll| [nll.target_new, nll.target_true])
            .chain(scores.into_iter().flatten())
            .all(f64::is_finite)
    }
}

impl Nll {
    /// Whether the new object is the more probable one.
    pub fn prefers_new(self) -> bool {
        self.target_new < self.target_true
    }

    /// Whether the old object is the more probable one.
    pub fn prefers_true(self) -> bool {
        self.target_true < self.target_new
    }

    /// By how much the new object is the more probable one, from -1 to 1.
    pub fn difference(self) -> f64 {
        (-self.target_new).exp() - (-self.target_true).exp()
    }
}
