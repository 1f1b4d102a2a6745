//! The answers of a model to the questions of a record, by the reference's names.

use serde::{Deserialize, Serialize};

use crate::aspect::Aspect;
use crate::nll::Nll;

/// The answers of a model to the questions of a record. Questions that were not asked are left out.
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

    /// zsRE: of each token of the answer, whether it is the most probable one; text is encoded again for
    /// each token, as the reference does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite_prompts_correct: Option<Vec<bool>>,
    /// The same for the question in other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrase_prompts_correct: Option<Vec<bool>>,
    /// The same for another question, with its own answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighborhood_prompts_correct: Option<Vec<bool>>,
    /// The same as `rewrite_prompts_correct`, over the tokens of prompt and answer as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite_prompts_correct_exact: Option<Vec<bool>>,
    /// The same as `paraphrase_prompts_correct`, over the tokens as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrase_prompts_correct_exact: Option<Vec<bool>>,
    /// The same as `neighborhood_prompts_correct`, over the tokens as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighborhood_prompts_correct_exact: Option<Vec<bool>>,

    /// The entropy of generated text, in bits: of its pairs and triples of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngram_entropy: Option<f64>,
    /// The similarity of generated text to texts about subjects that have the new object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_score: Option<f64>,
    /// The perplexity of texts about the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub essence_score: Option<f64>,
    /// The generated texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
}

impl Answers {
    /// The likelihoods of the prompts of an aspect.
    pub(crate) fn nlls(&self, aspect: Aspect) -> Option<&[Nll]> {
        match aspect {
            Aspect::Rewrite => self.rewrite_prompts_probs.as_deref(),
            Aspect::Paraphrase => self.paraphrase_prompts_probs.as_deref(),
            Aspect::Neighborhood => self.neighborhood_prompts_probs.as_deref(),
        }
    }

    /// True for each neighbour that is still answered by its own object.
    pub fn neighbours_right(&self) -> Vec<bool> {
        self.outcomes(Aspect::Neighborhood)
    }

    /// True if each prompt of an aspect, or of zsRE each token of its answer, came out as it should after
    /// an edit.
    pub(crate) fn outcomes(&self, aspect: Aspect) -> Vec<bool> {
        if let Some(nlls) = self.nlls(aspect) {
            let is_right = |nll: &Nll| match aspect {
                Aspect::Neighborhood => nll.prefers_true(),
                _ => nll.prefers_new(),
            };
            return nlls.iter().map(is_right).collect();
        }
        let correct = match aspect {
            Aspect::Rewrite => &self.rewrite_prompts_correct,
            Aspect::Paraphrase => &self.paraphrase_prompts_correct,
            Aspect::Neighborhood => &self.neighborhood_prompts_correct,
        };
        correct.clone().unwrap_or_default()
    }

    /// True if all numbers are such.
    pub(crate) fn is_finite(&self) -> bool {
        let attributes = self.attribute_prompts_probs.iter().flatten();
        let nlls = Aspect::ALL.into_iter().filter_map(|aspect| self.nlls(aspect)).flatten().chain(attributes);
        let scores = [self.ngram_entropy, self.reference_score, self.essence_score];
        nlls.flat_map(|nll| [nll.target_new, nll.target_true])
            .chain(scores.into_iter().flatten())
            .all(f64::is_finite)
    }
}
