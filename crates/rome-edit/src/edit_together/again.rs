//! A set of facts, changed and edited again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rome_core::{EditPart, Observer, Request};

use super::EditTogether;
use super::contexts::ContextGroups;
use super::error::TogetherError;
use super::report::TogetherOutcome;
use crate::edits;
use crate::error::Error;
use crate::{Inputs, Model, Session, Settings, StatisticsSource};

/// A set of facts that were edited together, to be changed and edited again from the untouched weights.
///
/// Their values are kept, so that one pass of keys and one solution make the new set: what it is does not depend on
/// how it came about, and a fact that was taken out has never been there.
#[derive(Debug, Clone)]
pub struct EditAgain {
    /// The file of the set.
    pub file: PathBuf,
    /// Facts to add. One with the prompt of another takes its place.
    pub add: Vec<Request>,
    /// The numbers of facts to take out, from 0.
    pub drop: Vec<usize>,
    /// The source of C.
    pub statistics: StatisticsSource,
    /// The file of edits to write.
    pub output: Option<PathBuf>,
    /// Goes on from the values that an interrupted run has left.
    pub resume: bool,
    /// No more work than this is lost to an interruption.
    pub save_every: Duration,
    /// When the run began, loading included.
    pub started: Instant,
}

impl EditAgain {
    /// Edits the set of a file again, as it is.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            add: Vec::new(),
            drop: Vec::new(),
            statistics: StatisticsSource::Auto,
            output: None,
            resume: false,
            save_every: Duration::from_secs(10),
            started: Instant::now(),
        }
    }

    /// Edits an untouched model by the set as it is to be, and returns the session that it is on.
    ///
    /// # Errors
    /// When the file is not one set of this model with its values kept, a number is none of its facts, no fact is
    /// left, or as [`EditTogether::run`].
    pub fn run(
        &self,
        model: Model,
        observer: &mut dyn Observer,
    ) -> Result<(Session, TogetherOutcome), Error> {
        let part = self.set()?;
        edits::check_model(&part.clone().into(), model.hash(), edits::OtherModel::Refuse)?;
        let Some(config) = part.record.settings.as_ref().and_then(|settings| settings.mass()).cloned() else {
            return Err(TogetherError::NotASet { path: self.file.clone() }.into());
        };
        let n_facts = part.record.facts.len();
        if let Some(&number) = self.drop.iter().find(|&&number| number >= n_facts) {
            return Err(TogetherError::NoSuchFact { number, n_facts }.into());
        }
        let prompts: Vec<String> =
            self.add.iter().map(|request| request.prompt().trim().to_owned()).collect();
        let is_kept = |(number, request): &(usize, &Request)| {
            !self.drop.contains(number) && !prompts.iter().any(|prompt| prompt == request.prompt().trim())
        };
        let facts = part.record.facts.iter().map(|fact| &fact.request).enumerate();
        let mut requests: Vec<Request> = facts.filter(is_kept).map(|(_, request)| request.clone()).collect();
        requests.extend(self.add.iter().cloned());
        if requests.is_empty() {
            return Err(TogetherError::Empty.into());
        }

        let use_statistics = part.record.statistics.values().any(|used| used.source != "identity");
        let settings = Settings { use_statistics, ..Settings::of(&model)? };
        let inputs = Inputs {
            contexts: Some(part.record.contexts.clone()),
            kl_prompts: Some(part.record.kl_prompts.clone()),
            statistics: self.statistics.clone(),
            ..Inputs::default()
        };
        let mut session = Session::new(model, settings, inputs)?;
        let groups = ContextGroups {
            contexts: part.record.contexts.clone(),
            sizes: part.record.context_groups.clone(),
        };
        let together = EditTogether {
            contexts: Some(groups),
            output: self.output.clone(),
            resume: self.resume,
            save_every: self.save_every,
            started: self.started,
            ..EditTogether::new(requests, config)
        };
        let outcome = together.run_from(&mut session, Some(&part), observer)?;
        Ok((session, outcome))
    }

    /// The set of the file.
    fn set(&self) -> Result<EditPart, Error> {
        let path = || self.file.clone();
        let file = edits::read(&self.file)?;
        let Ok([part]) = <[EditPart; 1]>::try_from(file.parts) else {
            return Err(TogetherError::NotASet { path: path() }.into());
        };
        if !part.is_together() {
            return Err(TogetherError::NotASet { path: path() }.into());
        }
        match part.record.batches.len() {
            n_batches @ 2.. => Err(TogetherError::Batches { path: path(), n_batches }.into()),
            _ if part.values.is_empty() => Err(TogetherError::NoValues { path: path() }.into()),
            _ => Ok(part),
        }
    }
}
