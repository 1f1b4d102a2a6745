//! A run over facts that are edited together.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use rome_core::math::cosine;
use rome_core::method::mass::TargetValues;
use rome_core::method::{EditMethod, EditableModel, MassEdit};
use rome_core::scoring::{Answer, score};
use rome_core::{
    CausalLm, Edit, EditError, EditPart, EditRecord, FactEntry, MassConfig, Observer, Outcome, Query,
    Request, TokenizedRequest,
};
use rome_files::Claim;
use rome_stats::Shard;

use super::EditTogether;
use super::contexts::ContextGroups;
use super::error::TogetherError;
use super::known_values::{FactValue, KnownValues};
use super::report::{FactReport, TogetherOutcome, TogetherSeconds, VerifiedValue, WeightReport};
use crate::edit_many::FailedRequest;
use crate::edit_many::health::HealthCheck;
use crate::edit_many::partial::PartialFile;
use crate::error::{Error, InputError};
use crate::session::Session;

/// Values that are computed between two looks at whether it is time to save.
const AT_ONCE: usize = 64;

/// Facts that are ready to be edited.
struct Facts {
    config: MassConfig,
    requests: Vec<Request>,
    tokenized: Vec<TokenizedRequest>,
    failed: Vec<FailedRequest>,
    /// The record of the set, without facts and edits.
    part: EditPart,
    groups: Vec<usize>,
    known: KnownValues,
}

/// The place where values are saved on the way.
struct Saving<'a> {
    partial: Option<&'a mut PartialFile>,
    /// The record of the set.
    part: &'a EditPart,
}

impl EditTogether {
    /// Edits the facts, which stay on the session's model.
    ///
    /// # Errors
    /// When requests contradict each other or make no sense, settings do not fit the model, there are no
    /// statistics, or `observer` stops it. The model is then as it was, and values that were computed are saved
    /// beside the output.
    pub fn run(&self, session: &mut Session, observer: &mut dyn Observer) -> Result<TogetherOutcome, Error> {
        self.run_from(session, None, observer)
    }

    /// Edits the facts, of which a part knows some values.
    pub(crate) fn run_from(
        &self,
        session: &mut Session,
        known: Option<&EditPart>,
        observer: &mut dyn Observer,
    ) -> Result<TogetherOutcome, Error> {
        let mut facts = self.facts(session, known)?;
        let load = self.started.elapsed().as_secs_f64();
        let time = Instant::now();
        session.find_statistics_of(&self.config.layers)?;
        let statistics = time.elapsed().as_secs_f64();
        for &layer in &self.config.layers {
            let statistics = session.statistics_of(layer).cloned();
            facts.part.record.statistics.extend(statistics.map(|statistics| (layer, statistics)));
        }
        let _claim = self.output.as_deref().map(Claim::take_file).transpose()?;
        let mut partial = self.partial()?;
        self.resume_from(partial.as_ref(), &mut facts)?;
        let mut health =
            HealthCheck::new(session.model().lm(), session.model().tokenizer(), &self.config.layers)?;

        let before = ask(session.model().lm(), &facts.tokenized);
        let (model, mut hashes) = session.editable();
        let method = MassEdit::new(self.config.clone()).groups(facts.groups.clone());
        let mut work = Work { model, method };
        let mut seconds = TogetherSeconds { load, statistics, ..TogetherSeconds::default() };
        let (mut values, mut edits) = (Vec::new(), Vec::new());
        let batches = self.batches(facts.requests.len());
        for batch in &batches {
            let saving =
                Saving { partial: partial.as_mut().filter(|_| batches.len() == 1), part: &facts.part };
            match work.edit(&facts, batch.clone(), saving, observer) {
                Ok(done) => {
                    seconds.values += done.seconds[0];
                    seconds.solve += done.seconds[1];
                    values.extend(done.values);
                    edits.push(done.edits);
                }
                Err(error) => {
                    work.model.undo();
                    return Err(error);
                }
            }
        }
        let after = ask(work.model.model(), &facts.tokenized);
        let n = facts.requests.len();
        let collapsed = health.after(n, n, work.model.model()).err();
        let undo = work.model.into_undo();

        let mut part = facts.part;
        if batches.len() > 1 {
            part.record.batches = batches.iter().map(Range::len).collect();
        }
        part.record.facts = entries(&values, &edits, &batches, before.iter().zip(&after));
        for edit in edits.into_iter().flatten() {
            let mut entry = edit.entry_of_many();
            entry.weight_hash = hashes.of(&edit.weight);
            part.push(entry, edit.update.compact());
        }
        if self.keep_values {
            part.set_values(values.into_iter().map(|value| value.value).collect());
        }
        session.adopt(part, undo);
        let n_bytes = self.output.as_ref().map(|output| session.save(output)).transpose()?;
        if let Some(partial) = partial {
            partial.remove();
        }
        if let Some(collapsed) = &collapsed {
            tracing::warn!("{collapsed}");
        }
        seconds.total = self.started.elapsed().as_secs_f64();
        let part = session.edits();
        let held = after.iter().filter(|answer| answer.is_greedy).count();
        let health = health.history.last().copied().expect("it was measured at the end");
        let is_whole = facts.failed.is_empty() && self.left_out.is_empty();
        Ok(TogetherOutcome {
            method: self.config.method.to_string(),
            succeeded: held == n && is_whole && collapsed.is_none(),
            held,
            n_facts: n,
            facts: part.record.facts.iter().map(FactReport::new).collect(),
            weights: WeightReport::of(part),
            failed: facts.failed,
            left_out: self.left_out.clone(),
            health,
            seconds,
            n_bytes,
        })
    }

    /// Computes the values of a share of the facts, and writes them to the output. Another run takes them from
    /// there.
    ///
    /// # Errors
    /// As [`run`](Self::run), or when the facts are edited in batches.
    pub fn compute_values(
        &self,
        shard: Shard,
        session: &mut Session,
        observer: &mut dyn Observer,
    ) -> Result<usize, Error> {
        if self.batch.is_some() {
            return Err(TogetherError::ShardOfBatches.into());
        }
        let mut facts = self.facts(session, None)?;
        let _claim = self.output.as_deref().map(Claim::take_file).transpose()?;
        let mut partial = self.partial()?;
        self.resume_from(partial.as_ref(), &mut facts)?;
        let wanted: Vec<usize> = (0..facts.requests.len()).filter(|&fact| shard.takes(fact as u64)).collect();
        let saving = Saving { partial: partial.as_mut(), part: &facts.part };
        let values = facts.values(session.model().lm(), &wanted, saving, observer)?;
        let n = values.len();
        if let Some(output) = &self.output {
            rome_files::write(output, &file_of_values(&facts.part, &values).to_bytes()?)?;
        }
        if let Some(partial) = partial {
            partial.remove();
        }
        Ok(n)
    }

    /// Computes the values of all facts on an unedited model, as a part without edits.
    pub(crate) fn known_values(
        &self,
        session: &Session,
        observer: &mut dyn Observer,
    ) -> Result<EditPart, Error> {
        let facts = self.facts(session, None)?;
        let wanted: Vec<usize> = (0..facts.requests.len()).collect();
        let saving = Saving { partial: None, part: &facts.part };
        let values = facts.values(session.model().lm(), &wanted, saving, observer)?;
        Ok(file_of_values(&facts.part, &values).parts.remove(0))
    }

    /// Computes some of the values that a part keeps anew, and compares them.
    pub(crate) fn verify_values(
        &self,
        session: &Session,
        part: &EditPart,
        n_most: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<VerifiedValue>, Error> {
        let facts = self.facts(session, None)?;
        let n = facts.requests.len();
        // Evenly, from the first one on.
        let sample: Vec<usize> = (0..n_most.min(n)).map(|index| index * n / n_most.min(n)).collect();
        let saving = Saving { partial: None, part: &facts.part };
        let values = facts.values(session.model().lm(), &sample, saving, observer)?;
        let compare = |(&fact, again): (&usize, FactValue)| {
            let kept = &part.values[fact];
            let equal = *kept == again.value;
            let cosine = if equal { 1.0 } else { cosine(kept, &again.value) };
            VerifiedValue { request: facts.requests[fact].to_string(), equal, cosine }
        };
        Ok(sample.iter().zip(values).map(compare).collect())
    }

    /// Reads and checks all that the facts are edited by.
    fn facts(&self, session: &Session, known: Option<&EditPart>) -> Result<Facts, Error> {
        if !session.edits().updates.is_empty() {
            return Err(InputError::AppliedTooLate.into());
        }
        let model = session.model();
        self.config.check(model.lm()).map_err(EditError::from)?;
        let requests = distinct(&self.requests)?;
        let ContextGroups { contexts, sizes } = match &self.contexts {
            Some(groups) => groups.clone(),
            None => ContextGroups::sample(model, self.seed)?,
        };
        let sampled = self.contexts.is_none().then_some(self.seed);
        let seed = known.map_or(sampled, |known| known.record.seed);
        let method = MassEdit::new(self.config.clone());
        let record = EditRecord {
            method: method.name().to_owned(),
            settings: Some(method.settings()),
            contexts,
            context_groups: sizes.clone(),
            seed,
            statistics: Default::default(),
            ..session.edits().record.clone()
        };
        let (mut kept, mut tokenized, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let n = self.requests.len();
        for (index, request) in requests {
            if let Some(places) = request.stray_blanks() {
                tracing::warn!("{request}: blanks {places} are left out");
            }
            let (tokenizer, shape) = (model.tokenizer(), model.lm().shape());
            match TokenizedRequest::new(&request, &record.contexts, &record.kl_prompts, tokenizer, shape) {
                Ok(rows) => {
                    kept.push(request);
                    tokenized.push(rows);
                }
                Err(error) if self.keep_going => {
                    failed.push(FailedRequest { request: index, error: error.to_string() });
                }
                Err(error) if n == 1 => return Err(error.into()),
                Err(error) => {
                    return Err(Error::from(error).at(format_args!("request {} of {n}", index + 1)));
                }
            }
        }
        if kept.is_empty() {
            let first = failed.first().map(|failed| failed.error.clone());
            return Err(InputError::NoneEdited { n_requests: n, first }.into());
        }
        let part = EditPart::new(record);
        let mut values = KnownValues::default();
        for path in &self.values {
            values.read(path, &kept, &part)?;
        }
        if let Some(known) = known {
            values.add(known, &part, self.output.as_deref().unwrap_or("the set".as_ref()))?;
        }
        let config = self.config.clone();
        Ok(Facts { config, requests: kept, tokenized, failed, part, groups: sizes, known: values })
    }

    fn batches(&self, n: usize) -> Vec<Range<usize>> {
        let size = self.batch.unwrap_or(n).clamp(1, n);
        (0..n).step_by(size).map(|first| first..(first + size).min(n)).collect()
    }

    /// The file beside the output; an error if one is there and is not to be resumed.
    fn partial(&self) -> Result<Option<PartialFile>, Error> {
        let Some(output) = &self.output else { return Ok(None) };
        let partial = PartialFile::beside(output, self.save_every);
        if partial.path.exists() && !self.resume {
            return Err(TogetherError::Unfinished { path: partial.path }.into());
        }
        Ok(Some(partial))
    }

    fn resume_from(&self, partial: Option<&PartialFile>, facts: &mut Facts) -> Result<(), Error> {
        let Some(partial) = partial.filter(|_| self.resume) else { return Ok(()) };
        match partial.load()? {
            Some(part) => Ok(facts.known.add(&part, &facts.part, &partial.path)?),
            None => {
                tracing::info!("there is nothing to resume: starting over");
                Ok(())
            }
        }
    }
}

impl Facts {
    /// The values of some facts: those that are known, and all others computed on the model as it is.
    fn values(
        &self,
        model: &dyn CausalLm,
        wanted: &[usize],
        mut saving: Saving<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<FactValue>, Error> {
        let known = |fact: usize| self.known.get(&self.requests[fact]);
        let unknown: Vec<usize> = wanted.iter().copied().filter(|&fact| known(fact).is_none()).collect();
        let rows: Vec<TokenizedRequest> = unknown.iter().map(|&fact| self.tokenized[fact].clone()).collect();
        let pass = TargetValues { model, config: &self.config, requests: &rows };
        let mut computed: HashMap<usize, FactValue> = HashMap::new();
        let gathered = |computed: &HashMap<usize, FactValue>| -> Vec<FactValue> {
            wanted.iter().filter_map(|&fact| known(fact).or_else(|| computed.get(&fact)).cloned()).collect()
        };
        for first in (0..rows.len()).step_by(AT_ONCE) {
            let range = first..(first + AT_ONCE).min(rows.len());
            let done = match pass.run(range.clone(), observer) {
                Ok(done) => done,
                Err(EditError::Stopped(stopped)) => {
                    let values = gathered(&computed);
                    if !saving.save(&values)? {
                        return Err(stopped.into());
                    }
                    let (n_values, n_requests) = (values.len(), wanted.len());
                    return Err(TogetherError::Interrupted { n_values, n_requests }.into());
                }
                Err(error) => return Err(error.into()),
            };
            for (index, value) in range.zip(done) {
                let fact = unknown[index];
                let lookups = self.tokenized[fact].lookups();
                computed.insert(fact, FactValue::new(&self.requests[fact], lookups, value));
            }
            if saving.partial.as_mut().is_some_and(|partial| partial.is_due()) {
                saving.save(&gathered(&computed))?;
            }
        }
        Ok(gathered(&computed))
    }
}

/// A model that is edited batch after batch.
struct Work<'a> {
    model: EditableModel<'a>,
    method: MassEdit,
}

impl Work<'_> {
    /// Computes the values of a batch and edits the model by it.
    fn edit(
        &mut self,
        facts: &Facts,
        batch: Range<usize>,
        saving: Saving<'_>,
        observer: &mut dyn Observer,
    ) -> Result<EditedBatch, Error> {
        let Self { model, method } = self;
        let time = Instant::now();
        let wanted: Vec<usize> = batch.clone().collect();
        let values = facts.values(model.model(), &wanted, saving, observer)?;
        let of_values = time.elapsed().as_secs_f64();
        let time = Instant::now();
        let targets: Vec<Vec<f32>> = values.iter().map(|value| value.value.clone()).collect();
        let requests = &facts.tokenized[batch];
        let edits = model.attempt(|model| method.edit_to(model, requests, &targets, observer))?;
        Ok(EditedBatch { values, edits, seconds: [of_values, time.elapsed().as_secs_f64()] })
    }
}

/// A batch that is on the model.
struct EditedBatch {
    values: Vec<FactValue>,
    edits: Vec<Edit>,
    /// Of its values, and of the rest.
    seconds: [f64; 2],
}

impl Saving<'_> {
    /// Saves values, and says whether there is a place and something to save.
    fn save(&self, values: &[FactValue]) -> Result<bool, Error> {
        let Some(partial) = self.partial.as_ref().filter(|_| !values.is_empty()) else { return Ok(false) };
        partial.save(&file_of_values(self.part, values).parts[0])?;
        Ok(true)
    }
}

/// Values as a file of facts that are still to be edited.
fn file_of_values(part: &EditPart, values: &[FactValue]) -> rome_core::EditFile {
    let mut part = part.clone();
    part.record.facts = values.iter().map(|value| value.entry.clone()).collect();
    part.record.format_version = rome_core::edit::FORMAT_VERSION;
    part.set_values(values.iter().map(|value| value.value.clone()).collect());
    part.into()
}

/// The entries of facts, with what they got at each layer and what became of them.
fn entries<'a>(
    values: &[FactValue],
    edits: &[Vec<Edit>],
    batches: &[Range<usize>],
    answers: impl Iterator<Item = (&'a Answer, &'a Answer)>,
) -> Vec<FactEntry> {
    let shares = |fact: usize| {
        let (edits, batch) = edits.iter().zip(batches).find(|(_, batch)| batch.contains(&fact))?;
        let share = |edit: &Edit| Some(edit.solution.as_ref()?.shares[fact - batch.start]);
        Some(edits.iter().filter_map(share).collect())
    };
    let entry = |(fact, (value, (before, after))): (usize, (&FactValue, (&Answer, &Answer)))| FactEntry {
        shares: shares(fact).unwrap_or_default(),
        outcome: Some(Outcome::new(*before, *after)),
        ..value.entry.clone()
    };
    values.iter().zip(answers).enumerate().map(entry).collect()
}

/// Asks a model for the target of each request.
fn ask(model: &dyn CausalLm, requests: &[TokenizedRequest]) -> Vec<Answer> {
    let query = |request: &TokenizedRequest| Query {
        prompt: request.clean.tokens.clone(),
        targets: vec![request.target.clone()],
    };
    let mut answers = Vec::with_capacity(requests.len());
    // The cache of all of them together would grow with their number.
    for requests in requests.chunks(256) {
        let queries: Vec<Query> = requests.iter().map(query).collect();
        answers.extend(score(model, &queries).iter().flatten().map(Answer::from));
    }
    answers
}

/// Leaves out requests that are there twice; the others keep their numbers.
///
/// # Errors
/// [`TogetherError::Contradiction`] for two that have the same prompt and different targets.
fn distinct(requests: &[Request]) -> Result<Vec<(usize, Request)>, TogetherError> {
    let mut by_prompt: HashMap<String, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let prompt = request.prompt().trim().to_owned();
        match by_prompt.get(&prompt) {
            None => {
                by_prompt.insert(prompt, index);
                kept.push((index, request.clone()));
            }
            Some(&first) if have_same_target(&requests[first], request) => {
                tracing::warn!("request {} is request {} again, and counts once", index + 1, first + 1);
            }
            Some(&first) => {
                return Err(TogetherError::Contradiction { first: first + 1, second: index + 1, prompt });
            }
        }
    }
    Ok(kept)
}

fn have_same_target(a: &Request, b: &Request) -> bool {
    match (a, b) {
        (Request::Text { target: a, .. }, Request::Text { target: b, .. }) => a.trim() == b.trim(),
        (Request::Tokens { target_tokens: a, .. }, Request::Tokens { target_tokens: b, .. }) => a == b,
        _ => false,
    }
}
