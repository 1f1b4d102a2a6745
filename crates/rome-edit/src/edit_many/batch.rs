//! A run over many requests.

use rome_core::scoring::{TargetScore, score};
use rome_core::{Editor, Event, Observer, Progress, Query, TokenizedRequest, Unit};
use rome_files::Claim;

use super::EditMany;
use super::health::HealthCheck;
use super::partial::PartialFile;
use super::report::{BatchOutcome, Cost, EditReport, FailedRequest};
use crate::error::{Error, InputError};
use crate::session::{Recorder, Session, edit_and_ask};

/// A request as rows of tokens; of one that makes no sense, why.
type Tokenized = Result<TokenizedRequest, String>;

impl Session {
    /// Edits the model by many requests in order, which stay applied.
    ///
    /// # Errors
    /// When a request cannot be edited, unless it is kept going; when the model collapses, unless that is
    /// allowed; when `observer` stops it. Edits that were made before stay on the model and, if there is an
    /// output, are saved beside it.
    pub fn edit_many(&mut self, many: &EditMany, observer: &mut dyn Observer) -> Result<BatchOutcome, Error> {
        // A request that makes no sense is told before statistics are factored for it.
        let tokenized = self.tokenize_all(many)?;
        self.find_statistics()?;
        let mut partial = many.output.as_deref().map(|output| PartialFile::beside(output, many.save_every));
        let mut partial = partial.as_mut().filter(|_| many.is_long());
        let _claim = match &many.output {
            Some(output) if many.is_long() => Some(Claim::take_file(output)?),
            _ => None,
        };
        // Before an earlier run's edits are put on: what they have done counts.
        let layers = self.settings().config.layers.clone();
        let (model, tokenizer) = (self.model().lm(), self.model().tokenizer());
        let health = many.is_long().then(|| HealthCheck::new(model, tokenizer, &layers)).transpose()?;
        let resumed = match &partial {
            Some(partial) if many.resume => self.resume_from(partial, many)?,
            Some(partial) if partial.path.exists() => {
                return Err(InputError::Unfinished { path: partial.path.clone() }.into());
            }
            _ => None,
        };
        // Edits that the session had made before are none of these requests'.
        let n_before = if resumed.is_some() { 0 } else { self.edits().updates.len() };
        let n_resumed = self.edits().updates.len() - n_before;
        let failed = resumed.unwrap_or_default();
        let n_known = failed.len() + n_resumed / layers.len();
        let costs = vec![Cost::default(); n_resumed];
        let load = many.started.elapsed().as_secs_f64();

        let (run, undo, health, failed, costs) = {
            let (editor, recorder) = self.editor_and_recorder()?;
            let mut batch = Batch { many, tokenized: &tokenized, editor, recorder, health, failed, costs };
            let run = batch.run(n_known, partial.as_deref_mut(), observer);
            (run, batch.editor.into_undo(), batch.health, batch.failed, batch.costs)
        };
        self.push_undo(undo);
        if let Err(error) = run {
            return Err(self.saved(error, partial.as_deref()));
        }
        if self.edits().updates.len() == n_before {
            let first = failed.first().map(|failed| failed.error.clone());
            return Err(InputError::NoneEdited { n_requests: many.requests.len(), first }.into());
        }
        let n_bytes = many.output.as_ref().map(|output| self.save(output)).transpose()?;
        if let Some(partial) = partial {
            partial.remove();
        }
        let total = many.started.elapsed().as_secs_f64();
        let record = &self.edits().record;
        let now = self.ask_again(&tokenized, &failed);
        let report = |(index, cost): (usize, Cost)| {
            EditReport::new(record, n_before + index, &now[index / layers.len()], cost.in_run(load, total))
        };
        let reports: Vec<EditReport> = costs.into_iter().enumerate().map(report).collect();
        let is_good =
            |report: &EditReport| report.holds && report.inflation() != Some(super::Inflation::Disabling);
        Ok(BatchOutcome {
            succeeded: failed.is_empty() && many.left_out.is_empty() && reports.iter().all(is_good),
            reports,
            failed,
            left_out: many.left_out.clone(),
            health: health.map(|health| health.history),
            held: now.iter().filter(|target| target.is_greedy()).count(),
            n_requests: many.requests.len(),
            n_bytes,
        })
    }

    /// The rows of each request.
    fn tokenize_all(&self, many: &EditMany) -> Result<Vec<Tokenized>, Error> {
        let n = many.requests.len();
        let rows = many.requests.iter().enumerate().map(|(index, request)| match self.tokenize(request) {
            Ok(tokenized) => Ok(Ok(tokenized)),
            Err(error) if many.keep_going && n > 1 => Ok(Err(error.to_string())),
            Err(error) if n == 1 => Err(error),
            Err(error) => Err(error.at(format_args!("request {} of {n}", index + 1))),
        });
        rows.collect()
    }

    /// Goes on from what an interrupted run has left, if anything, and returns which of its requests had
    /// failed.
    fn resume_from(
        &mut self,
        partial: &PartialFile,
        many: &EditMany,
    ) -> Result<Option<Vec<FailedRequest>>, Error> {
        let Some(part) = partial.load()? else {
            tracing::info!("there is nothing to resume: starting over");
            return Ok(None);
        };
        self.resume(part)?;
        let n_layers = self.settings().config.layers.len();
        let mut edits = self.edits().record.edits.chunks(n_layers).peekable();
        let mut failed = Vec::new();
        for (index, request) in many.requests.iter().enumerate() {
            let Some(edit) = edits.peek() else { break };
            if edit.iter().all(|entry| entry.request.as_ref() == Some(request)) {
                edits.next();
            } else {
                let error = "it failed before the interruption".to_owned();
                failed.push(FailedRequest { request: index, error });
            }
        }
        match edits.next() {
            None => Ok(Some(failed)),
            Some(_) => Err(InputError::OtherRequests.into()),
        }
    }

    /// Asks the model, as it is now, for the target of each request that was edited.
    fn ask_again(&self, tokenized: &[Tokenized], failed: &[FailedRequest]) -> Vec<TargetScore> {
        let is_edited = |index: usize| failed.iter().all(|failed| failed.request != index);
        let edited = (0..).zip(tokenized).filter(|(index, _)| is_edited(*index));
        let query = |request: &TokenizedRequest| Query {
            prompt: request.clean.tokens.clone(),
            targets: vec![request.target.clone()],
        };
        let queries: Vec<Query> =
            edited.filter_map(|(_, tokenized)| tokenized.as_ref().ok().map(query)).collect();
        score(self.model().lm(), &queries).into_iter().flatten().collect()
    }

    /// Saves what there is when a run ends early, and says so in its error.
    fn saved(&self, error: Error, partial: Option<&PartialFile>) -> Error {
        let edits = self.edits();
        let saved = partial.filter(|_| !edits.updates.is_empty()).map(|partial| partial.save(edits));
        let n_saved = if matches!(saved, Some(Ok(()))) { edits.updates.len() } else { 0 };
        match error {
            Error::Input(InputError::FailedRequest { request, error, .. }) => {
                InputError::FailedRequest { request, error, n_saved }.into()
            }
            Error::Input(InputError::Collapsed { n_requests, perplexity, norm, .. }) => {
                InputError::Collapsed { n_requests, perplexity, norm, n_saved }.into()
            }
            Error::Stopped(_) if n_saved > 0 => InputError::Interrupted { n_saved }.into(),
            error => error,
        }
    }
}

/// A run under way.
struct Batch<'a> {
    many: &'a EditMany,
    tokenized: &'a [Tokenized],
    editor: Editor<'a>,
    recorder: Recorder<'a>,
    health: Option<HealthCheck>,
    failed: Vec<FailedRequest>,
    /// Of each edit.
    costs: Vec<Cost>,
}

impl Batch<'_> {
    fn run(
        &mut self,
        n_known: usize,
        mut partial: Option<&mut PartialFile>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let n = self.many.requests.len();
        if n_known > 0 {
            self.check_health(n_known, n_known)?;
        }
        for (index, request) in self.many.requests.iter().enumerate().skip(n_known) {
            let (done, total) = (index as u64, n as u64);
            let detail = request.to_string();
            let progress = Progress { unit: Unit::Requests, done, total, detail: &detail };
            observer.tell(Event::Progress(progress))?;
            match self.edit(index, observer) {
                Ok(()) => {}
                Err(error @ Error::Stopped(_)) => return Err(error),
                Err(error) if self.many.keep_going => {
                    self.failed.push(FailedRequest { request: index, error: error.to_string() });
                }
                Err(error) => {
                    let (request, error) = (request.to_string(), Box::new(error));
                    return Err(InputError::FailedRequest { request, error, n_saved: 0 }.into());
                }
            }
            self.check_health(index + 1, n)?;
            if let Some(partial) = partial.as_deref_mut() {
                partial.save_if_due(self.recorder.edits)?;
            }
        }
        Ok(())
    }

    fn edit(&mut self, index: usize, observer: &mut dyn Observer) -> Result<(), Error> {
        let tokenized = match &self.tokenized[index] {
            Ok(tokenized) => tokenized,
            Err(reason) => return Err(InputError::BadRequest { reason: reason.clone() }.into()),
        };
        let (edits, outcome) = edit_and_ask(&mut self.editor, tokenized, observer)?;
        let memory = self.editor.model().device().memory_pool_usage().map(|usage| usage.bytes_reserved);
        self.costs.extend(edits.iter().map(|edit| Cost::of(edit, memory)));
        self.recorder.record(&self.many.requests[index], tokenized, edits, outcome);
        observer.tell(Event::Edited { request: index, outcome: &outcome })?;
        Ok(())
    }

    fn check_health(&mut self, n_requests: usize, n_all: usize) -> Result<(), Error> {
        let Some(health) = &mut self.health else { return Ok(()) };
        match health.after(n_requests, n_all, self.editor.model()) {
            Err(collapse) if self.many.allow_collapse => {
                tracing::warn!("{collapse}");
                Ok(())
            }
            result => Ok(result?),
        }
    }
}
