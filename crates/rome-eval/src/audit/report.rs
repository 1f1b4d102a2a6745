//! The report of an audit.

use rome_core::{EditEntry, Environment, Tokenizer};
use serde::Serialize;

use super::answers::AuditAnswers;
use super::comparison::{AnswerPair, KlPromptDivergence, PromptComparison};
use super::perplexity::Perplexity;
use super::prompt_kind::PromptKind;
use super::questions::Questions;
use super::verdict::EditAssessment;
use super::weight_change::WeightChange;

/// The report of an audit: what was done to a model, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuditReport {
    /// The name of the model.
    pub model: String,
    /// The name of the change: that of the other model, or of the files of edits.
    pub change: String,
    /// In words, with reasons.
    #[serde(rename = "judgement")]
    pub assessment: EditAssessment,
    /// The tensors that were changed.
    #[serde(rename = "changes")]
    pub weights: Vec<WeightChange>,
    /// The edits, where they are known, with their losses.
    pub edits: Vec<EditEntry>,
    /// The answers to prompts.
    pub prompts: Vec<PromptComparison>,
    /// The divergence at the KL prompts.
    #[serde(rename = "preserved")]
    pub kl_prompts: Vec<KlPromptDivergence>,
    /// The perplexity on a text.
    pub perplexity: Option<Perplexity>,
    /// The machine and program that computed the answers.
    pub environment: Environment,
}

/// The evidence of an audit: [`report`](Self::report) judges by it.
pub struct AuditEvidence<'a> {
    /// The name of the model.
    pub model: String,
    /// The name of the change: that of the other model, or of the files of edits.
    pub change: String,
    /// The questions.
    pub questions: &'a Questions,
    /// The answers to them before the edit.
    pub before: &'a AuditAnswers,
    /// The answers to them after it.
    pub after: &'a AuditAnswers,
    /// The name of the text whose perplexity is taken.
    pub text: String,
    /// The model's tokenizer.
    pub tokenizer: &'a dyn Tokenizer,
    /// The tensors that were changed.
    pub weights: Vec<WeightChange>,
    /// The edits, where they are known.
    pub edits: Vec<EditEntry>,
}

impl AuditEvidence<'_> {
    /// Compares the answers, and judges the edit.
    ///
    /// # Panics
    /// If the answers are to other questions.
    pub fn report(self) -> AuditReport {
        let Self { model, change, questions, before, after, text, tokenizer, weights, edits } = self;
        let pair = AnswerPair { questions, before, after, tokenizer };
        let (prompts, kl_prompts) = (pair.prompts(), pair.kl_prompts());
        let perplexity = before.nll.zip(after.nll).map(|(before, after)| Perplexity {
            text,
            n_tokens: questions.text.n_predicted(),
            before: before.exp(),
            after: after.exp(),
        });
        let assessment = EditAssessment::of(&prompts, &kl_prompts, perplexity.as_ref(), &edits, &weights);
        let environment = after.environment.clone();
        AuditReport {
            model,
            change,
            assessment,
            weights,
            edits,
            prompts,
            kl_prompts,
            perplexity,
            environment,
        }
    }
}

impl AuditReport {
    /// The prompts of a kind.
    pub fn of_kind(&self, kind: PromptKind) -> impl Iterator<Item = &PromptComparison> {
        self.prompts.iter().filter(move |prompt| prompt.kind == kind)
    }
}
