//! Records, one after the other: asked, edited, asked again, and put back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rome_core::request::check_vocabulary;
use rome_core::{CausalLm, Editor, Observer, Query, Scoring, Tokenizer};

use crate::answers::Answers;
use crate::case::Case;
use crate::error::EvalError;
use crate::fluency::Fluency;
use crate::record::Record;

/// Evaluates records with one method after the other. What the unedited model answers is asked once.
pub struct Evaluation<'a> {
    tokenizer: &'a dyn Tokenizer,
    fluency: Option<&'a Fluency>,
    before: HashMap<u64, Answers>,
    /// The time spent asking so far, without edits.
    pub asking: Duration,
}

impl<'a> Evaluation<'a> {
    /// Starts with nothing asked; text is generated if there is something to judge it.
    pub fn new(tokenizer: &'a dyn Tokenizer, fluency: Option<&'a Fluency>) -> Self {
        Self { tokenizer, fluency, before: HashMap::new(), asking: Duration::ZERO }
    }

    /// Takes over what the unedited model has answered in an earlier run.
    pub fn know(&mut self, case: &Case) {
        self.before.entry(case.case_id).or_insert_with(|| case.pre.clone());
    }

    /// Evaluates one record. The model is as it was before in any case.
    ///
    /// # Errors
    /// [`EvalError::Case`] when the record makes no sense for the model or the edit fails, and
    /// [`EvalError::Stopped`] when `observer` stops it.
    pub fn run(
        &mut self,
        editor: &mut Editor<'_>,
        record: &dyn Record,
        observer: &mut dyn Observer,
    ) -> Result<Case, EvalError> {
        self.try_run(editor, record, observer).map_err(|error| error.in_case(record.case_id()))
    }

    /// Asks an unedited model about a record, and keeps its answers.
    ///
    /// # Errors
    /// [`EvalError::Case`] when the record makes no sense for the model.
    pub fn ask_before(&mut self, model: &dyn CausalLm, record: &dyn Record) -> Result<(), EvalError> {
        if !self.before.contains_key(&record.case_id()) {
            let answers = self.ask_once(model, record).map_err(|error| error.in_case(record.case_id()))?;
            self.before.insert(record.case_id(), answers);
        }
        Ok(())
    }

    /// Asks a model that was edited, by this record and perhaps by others, and pairs its answers with those of
    /// the unedited one.
    ///
    /// # Errors
    /// [`EvalError::Case`] when the record makes no sense for the model.
    ///
    /// # Panics
    /// If the unedited model was not asked [before](Self::ask_before).
    pub fn ask_after(
        &mut self,
        model: &dyn CausalLm,
        record: &dyn Record,
        time: f64,
    ) -> Result<Case, EvalError> {
        let post = self.ask_once(model, record).map_err(|error| error.in_case(record.case_id()))?;
        let pre = self.before[&record.case_id()].clone();
        let requested_rewrite = record.rewrite().clone();
        Ok(Case { case_id: record.case_id(), requested_rewrite, time, post, pre })
    }

    fn ask_once(&mut self, model: &dyn CausalLm, record: &dyn Record) -> Result<Answers, EvalError> {
        let start = Instant::now();
        let queries = self.queries(model, record)?;
        let answers = self.ask(model, record, &Scoring::new(model, &queries, usize::MAX));
        self.asking += start.elapsed();
        answers
    }

    fn try_run(
        &mut self,
        editor: &mut Editor<'_>,
        record: &dyn Record,
        observer: &mut dyn Observer,
    ) -> Result<Case, EvalError> {
        let start = Instant::now();
        let queries = self.queries(editor.model(), record)?;
        // What the edit does not reach is run once for before and after.
        let lowest_layer = editor.method().layers().iter().copied().min().unwrap_or(usize::MAX);
        let scoring = Scoring::new(editor.model(), &queries, lowest_layer);
        let pre = match self.before.get(&record.case_id()) {
            Some(known) => known.clone(),
            None => self.ask(editor.model(), record, &scoring)?,
        };
        self.before.entry(record.case_id()).or_insert_with(|| pre.clone());
        self.asking += start.elapsed();
        if editor.method().layers().is_empty() {
            let requested_rewrite = record.rewrite().clone();
            return Ok(Case {
                case_id: record.case_id(),
                requested_rewrite,
                time: 0.0,
                post: pre.clone(),
                pre,
            });
        }

        let start = Instant::now();
        editor.edit(&record.rewrite().request(), observer)?;
        let time = start.elapsed().as_secs_f64();

        let start = Instant::now();
        let post = self.ask(editor.model(), record, &scoring);
        self.asking += start.elapsed();
        editor.undo();
        let requested_rewrite = record.rewrite().clone();
        Ok(Case { case_id: record.case_id(), requested_rewrite, time, post: post?, pre })
    }

    /// The queries of a record, each within what the model takes.
    fn queries(&self, model: &dyn CausalLm, record: &dyn Record) -> Result<Vec<Query>, EvalError> {
        let shape = model.shape();
        let queries = record.queries(self.tokenizer)?;
        for query in &queries {
            for target in &query.targets {
                check_vocabulary(&query.prompt, shape)?;
                check_vocabulary(target, shape)?;
                let len = query.prompt.len() + target.len();
                if query.prompt.is_empty() || target.is_empty() || len - 1 > shape.n_positions {
                    let start = &query.prompt[..query.prompt.len().min(16)];
                    let prompt = self.tokenizer.decode(start)?;
                    return Err(EvalError::Length { prompt, len, n_positions: shape.n_positions });
                }
            }
        }
        Ok(queries)
    }

    fn ask(
        &self,
        model: &dyn CausalLm,
        record: &dyn Record,
        scoring: &Scoring,
    ) -> Result<Answers, EvalError> {
        let mut answers = record.judge(&scoring.run(model));
        if !answers.is_finite() {
            return Err(EvalError::NotFinite);
        }
        if let Some(fluency) = self.fluency {
            fluency.judge(model, self.tokenizer, record, &mut answers)?;
        }
        Ok(answers)
    }
}
