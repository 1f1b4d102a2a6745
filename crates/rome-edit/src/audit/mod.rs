//! The audit of edits, or of another checkpoint: what changed, and what the model answers before and after.

mod error;
mod text;
mod weights;

use std::path::PathBuf;

use rome_core::generate::NotFiniteLogits;
use rome_core::{EditFile, Observer};
use rome_eval::audit::{
    AuditAnswers, AuditEvidence, AuditRecord, AuditReport, QuestionSource, Questions, WeightChange, html_page,
};

use crate::{Error, Model, StatisticsSource, facts, model};

pub use error::AuditError;
pub use text::AuditText;

/// An audit to make: a change of a model to judge.
///
/// ```no_run
/// use rome_edit::{Audit, Session};
///
/// let mut session = Session::open("facts-gpt2")?;
/// let edits = rome_edit::edits::read("obama.safetensors".as_ref())?;
/// let report = Audit::of_edits("obama", edits).run(session.into_model(), &mut ())?;
/// println!("the edit {}", report.assessment.verdict.text());
/// # Ok::<(), rome_edit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Audit {
    /// The change.
    pub change: ModelChange,
    /// A file of prompts to ask: records of CounterFact, or [`AuditRecord`]s. Without one, prompts are chosen
    /// from the facts of a bundled model.
    pub prompts: Option<PathBuf>,
    /// The text whose perplexity is taken.
    pub text: AuditText,
    /// The source of C, to judge what the change means for ordinary text; the identity says nothing.
    pub statistics: StatisticsSource,
    /// The page to write, if any: one file that needs nothing else.
    pub html: Option<PathBuf>,
}

/// A change of a model.
#[derive(Debug, Clone)]
pub enum ModelChange {
    /// Edits are applied to it.
    Edits {
        /// The name of the edits in the report.
        name: String,
        /// The edits.
        edits: EditFile,
    },
    /// Another checkpoint takes its place.
    Checkpoint {
        /// The checkpoint, by its name as a model.
        name: String,
    },
}

impl Audit {
    /// Judges edits, which the report calls by this name.
    pub fn of_edits(name: impl Into<String>, edits: EditFile) -> Self {
        Self::of(ModelChange::Edits { name: name.into(), edits })
    }

    /// Judges another checkpoint, compared with the model.
    pub fn of_checkpoint(name: impl Into<String>) -> Self {
        Self::of(ModelChange::Checkpoint { name: name.into() })
    }

    fn of(change: ModelChange) -> Self {
        let (text, statistics) = (AuditText::default(), StatisticsSource::Auto);
        Self { change, prompts: None, text, statistics, html: None }
    }

    /// Asks an unedited model before and after the change, and judges the change.
    ///
    /// # Errors
    /// When edits were made for another model or do not fit, prompts make no sense for the model, its own
    /// answers are not finite, or `observer` stops it.
    pub fn run(&self, model: Model, observer: &mut dyn Observer) -> Result<AuditReport, Error> {
        if let ModelChange::Edits { edits, .. } = &self.change {
            edits.check_model(model.hash())?;
        }
        self.run_unchecked(model, observer)
    }

    /// Does the same, whatever model edits were made for: on other weights they may do nothing, or harm.
    ///
    /// # Errors
    /// As [`run`](Self::run), but for edits of other models.
    pub fn run_unchecked(&self, model: Model, observer: &mut dyn Observer) -> Result<AuditReport, Error> {
        if let Some(html) = &self.html {
            rome_files::check_writable(html)?;
        }
        let model_name = model.name.clone();
        let no_edits = EditFile::combine([]);
        let (change, edits) = match &self.change {
            ModelChange::Edits { name, edits } => (name.clone(), edits),
            ModelChange::Checkpoint { name } => (name.clone(), &no_edits),
        };
        let questions = self.questions(&model, edits)?;
        let before = AuditAnswers::of(model.lm(), &questions, observer)?;
        // After an edit, that is a verdict on the edit.
        if !before.are_finite() {
            return Err(NotFiniteLogits.into());
        }
        let (model, weights) = self.put_on(model, observer)?;
        let after = AuditAnswers::of(model.lm(), &questions, observer)?;
        let evidence = AuditEvidence {
            model: model_name,
            change,
            questions: &questions,
            before: &before,
            after: &after,
            text: self.text.name(),
            tokenizer: model.tokenizer(),
            weights,
            edits: edits.edits().map(|(entry, _)| entry.clone()).collect(),
        };
        let report = evidence.report();
        if let Some(html) = &self.html {
            rome_files::write(html, html_page(&report).as_bytes())?;
        }
        Ok(report)
    }

    /// The questions that the model is asked before and after.
    fn questions(&self, model: &Model, edits: &EditFile) -> Result<Questions, Error> {
        let records = self.prompts.as_deref().map(AuditRecord::read).transpose()?;
        let source = QuestionSource {
            tokenizer: model.tokenizer(),
            shape: model.lm().shape(),
            records: records.as_deref(),
            facts: facts::bundled(model),
        };
        Ok(source.questions(edits, &self.text.tokens(model.tokenizer())?)?)
    }

    /// Describes the change of the weights, and makes it.
    fn put_on(
        &self,
        mut model: Model,
        observer: &mut dyn Observer,
    ) -> Result<(Model, Vec<WeightChange>), Error> {
        match &self.change {
            ModelChange::Edits { edits, .. } => {
                let weights = weights::by_edits(&model, edits, &self.statistics)?;
                edits.apply_unchecked(model.lm_mut())?;
                Ok((model, weights))
            }
            ModelChange::Checkpoint { name } => {
                let other = model::source(name, observer)?;
                let weights = weights::between(&model, &other, &self.statistics, observer)?;
                Ok((replaced(model, name, observer)?, weights))
            }
        }
    }
}

/// Loads another checkpoint in place of a model, of which the tokenizer stays.
fn replaced(model: Model, name: &str, observer: &mut dyn Observer) -> Result<Model, Error> {
    let (device, precision) = (model.lm().device(), model.precision);
    let tokenizer = model.tokenizer().clone();
    // One model at a time: two of them may not fit.
    drop(model);
    let mut other = Model::load(name, &device, precision, observer)?;
    other.pretrained.tokenizer = tokenizer;
    Ok(other)
}
