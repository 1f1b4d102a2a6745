//! Records, one after the other: asked, edited, asked again, and put back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rome_core::{Query, Scoring, TokenCodec};

use crate::{Answers, Case, EvalError, Fluency, Method, Record};

/// Evaluates records with one method after the other. What the unedited model answers is asked once.
pub struct Evaluation<'a> {
    tokens: &'a dyn TokenCodec,
    fluency: Option<&'a Fluency>,
    before: HashMap<u64, Answers>,
    /// How long it took to ask so far, edits left out.
    pub asking: Duration,
}

impl<'a> Evaluation<'a> {
    /// Starts with nothing asked; text is generated if there is something to judge it.
    pub fn new(tokens: &'a dyn TokenCodec, fluency: Option<&'a Fluency>) -> Self {
        Self { tokens, fluency, before: HashMap::new(), asking: Duration::ZERO }
    }

    /// Takes over what the unedited model has answered in an earlier run.
    pub fn know(&mut self, case: &Case) {
        self.before.entry(case.case_id).or_insert_with(|| case.pre.clone());
    }

    /// Evaluates one record. The model is as it was before in any case.
    ///
    /// # Errors
    /// When the record makes no sense for the model, or the edit fails.
    pub fn run(&mut self, method: &mut dyn Method, record: &dyn Record) -> Result<Case, EvalError> {
        let case_id = record.case_id();
        self.try_run(method, record).map_err(|error| error.in_case(case_id))
    }

    fn try_run(&mut self, method: &mut dyn Method, record: &dyn Record) -> Result<Case, EvalError> {
        let start = Instant::now();
        let queries = self.queries(method, record)?;
        // What the edit does not reach is run once for before and after.
        let scoring = Scoring::new(method.model(), &queries, method.lowest_layer().unwrap_or(usize::MAX));
        let pre = match self.before.get(&record.case_id()) {
            Some(known) => known.clone(),
            None => self.ask(method, record, &scoring)?,
        };
        self.before.entry(record.case_id()).or_insert_with(|| pre.clone());
        self.asking += start.elapsed();
        if method.lowest_layer().is_none() {
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
        method.edit(&record.rewrite().request())?;
        let time = start.elapsed().as_secs_f64();

        let start = Instant::now();
        let post = self.ask(method, record, &scoring);
        self.asking += start.elapsed();
        method.undo();
        let requested_rewrite = record.rewrite().clone();
        Ok(Case { case_id: record.case_id(), requested_rewrite, time, post: post?, pre })
    }

    /// The queries of a record, each within what the model takes.
    fn queries(&self, method: &dyn Method, record: &dyn Record) -> Result<Vec<Query>, EvalError> {
        let shape = method.model().shape();
        let queries = record.queries(self.tokens)?;
        for query in &queries {
            for target in &query.targets {
                rome_core::rows::check_vocabulary(&query.prompt, shape)?;
                rome_core::rows::check_vocabulary(target, shape)?;
                let len = query.prompt.len() + target.len();
                if query.prompt.is_empty() || target.is_empty() || len - 1 > shape.n_positions {
                    let start = &query.prompt[..query.prompt.len().min(16)];
                    let prompt = self.tokens.decode(start)?;
                    return Err(EvalError::Length { prompt, len, n_positions: shape.n_positions });
                }
            }
        }
        Ok(queries)
    }

    fn ask(&self, method: &dyn Method, record: &dyn Record, scoring: &Scoring) -> Result<Answers, EvalError> {
        let mut answers = record.judge(&scoring.run(method.model()));
        if !answers.is_finite() {
            return Err(EvalError::NotFinite);
        }
        if let Some(fluency) = self.fluency {
            fluency.judge(method.model(), self.tokens, record, &mut answers)?;
        }
        Ok(answers)
    }
}
