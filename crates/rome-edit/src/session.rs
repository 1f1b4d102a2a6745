//! A model that is ready to be edited.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rome_core::edit::{StatisticsRecord, Undo};
use rome_core::request::sample;
use rome_core::scoring::Answer;
use rome_core::{
    CholeskyFactor, Context, Edit, EditFile, EditMethod, EditPart, EditRecord, EditableModel, Editor,
    Environment, KlPrompt, Observer, Outcome, Request, Rome, RomeConfig, TokenizedRequest, Tokenizer,
};

use rome_models::{CheckpointFiles, Source};

use crate::edits::part_hashes;
use crate::error::{Error, InputError};
use crate::statistics::{self, StatisticsSource};
use crate::{Generate, Model, Sampling, Settings};

/// The name and version of this program, for the record of a file.
pub(crate) const MADE_BY: &str = concat!("rome ", env!("CARGO_PKG_VERSION"));

/// A model with all that its edits need, and the edits made on it so far.
pub struct Session {
    model: Model,
    settings: Settings,
    statistics: StatisticsSource,
    factors: BTreeMap<usize, LayerFactor>,
    /// By the name of the weight.
    weight_hashes: BTreeMap<String, Option<String>>,
    edits: EditPart,
    /// The undo data of the edits below this session's and of its own.
    undo: Vec<Undo>,
    /// The number of them that are below.
    n_below: usize,
}

/// The factor of C at a layer, with its description.
struct LayerFactor {
    factor: Arc<CholeskyFactor>,
    record: StatisticsRecord,
}

/// The inputs that edits are computed over; each has a default.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// Exactly these contexts; sampled from the model if there are none.
    pub contexts: Option<Vec<Context>>,
    /// The KL prompts; without any given, the reference's own, which a model without a tokenizer has none of.
    pub kl_prompts: Option<Vec<KlPrompt>>,
    /// The seed of sampled contexts.
    pub seed: u64,
    /// The source of C.
    pub statistics: StatisticsSource,
}

impl Default for Inputs {
    fn default() -> Self {
        Self { contexts: None, kl_prompts: None, seed: 0, statistics: StatisticsSource::Auto }
    }
}

impl Session {
    /// Starts with a model that is loaded already.
    ///
    /// # Errors
    /// When the settings do not fit the model, or contexts cannot be sampled.
    pub fn new(model: Model, settings: Settings, inputs: Inputs) -> Result<Self, Error> {
        settings.config.check(model.lm().shape())?;
        let seed = inputs.contexts.is_none().then_some(inputs.seed);
        let contexts = match inputs.contexts {
            Some(contexts) => contexts,
            None => sample_contexts(&model, &settings, inputs.seed)?,
        };
        let usual = || if model.tokenizer().has_text() { vec![KlPrompt::essence()] } else { Vec::new() };
        let kl_prompts = inputs.kl_prompts.unwrap_or_else(usual);
        let method = Rome::new(settings.config.clone());
        let record = EditRecord {
            settings: Some(method.settings()),
            contexts,
            kl_prompts,
            seed,
            precision: model.precision,
            environment: Some(Environment::of(&model.lm().device())),
            hub: model.source.hub_commit(),
            ..EditRecord::new(MADE_BY, model.hash().clone())
        };
        let statistics = match inputs.statistics {
            StatisticsSource::Auto if !settings.use_statistics => StatisticsSource::Identity,
            given => given,
        };
        Ok(Self {
            model,
            settings,
            statistics,
            factors: BTreeMap::new(),
            weight_hashes: BTreeMap::new(),
            edits: EditPart::new(record),
            undo: Vec::new(),
            n_below: 0,
        })
    }

    /// The model, as it is now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model, with all edits taken off again.
    pub fn into_model(mut self) -> Model {
        self.undo();
        self.model
    }

    /// The settings of its edits.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// True if edits are on the model, made here or put below.
    pub(crate) fn is_edited(&self) -> bool {
        self.n_below > 0 || !self.edits.updates.is_empty()
    }

    /// The source of C.
    pub fn statistics(&self) -> &StatisticsSource {
        &self.statistics
    }

    /// The edits made so far, with their record.
    pub fn edits(&self) -> &EditPart {
        &self.edits
    }

    /// The rows that a request is optimised over.
    ///
    /// # Errors
    /// When the request makes no sense for this model.
    pub fn tokenize(&self, request: &Request) -> Result<TokenizedRequest, Error> {
        if let Some(places) = request.stray_blanks() {
            tracing::warn!("{request}: blanks {places} are left out");
        }
        let EditRecord { contexts, kl_prompts, .. } = &self.edits.record;
        let (tokenizer, shape) = (self.model.tokenizer(), self.model.lm().shape());
        Ok(TokenizedRequest::new(request, contexts, kl_prompts, tokenizer, shape)?)
    }

    /// Puts edits on the model. Later edits build on these.
    ///
    /// # Errors
    /// When they were made for another model or do not fit, or other edits were made already.
    pub fn apply(&mut self, edits: &EditFile) -> Result<(), Error> {
        edits.check_model(self.model.hash())?;
        self.apply_unchecked(edits)
    }

    /// Puts edits on the model like [`apply`](Self::apply), whatever model they were made for: on other
    /// weights they may do nothing, or harm.
    ///
    /// # Errors
    /// When they do not fit, or other edits were made already.
    pub fn apply_unchecked(&mut self, edits: &EditFile) -> Result<(), Error> {
        if !self.edits.updates.is_empty() {
            return Err(InputError::AppliedTooLate.into());
        }
        let hashes = part_hashes(edits)?;
        self.undo.push(edits.apply_unchecked(self.model.lm_mut())?);
        self.n_below = self.undo.len();
        self.edits.record.on_top_of.extend(hashes);
        Ok(())
    }

    /// Finds and factors the statistics of every layer that is edited, unless they are there.
    ///
    /// # Errors
    /// When there are none for a layer.
    pub fn find_statistics(&mut self) -> Result<(), Error> {
        let layers = self.settings.config.layers.clone();
        self.find_statistics_of(&layers)?;
        for layer in layers {
            if let Some(LayerFactor { record, .. }) = self.factors.get(&layer) {
                self.edits.record.statistics.entry(layer).or_insert_with(|| record.clone());
            }
        }
        Ok(())
    }

    pub(crate) fn find_statistics_of(&mut self, layers: &[usize]) -> Result<(), Error> {
        for &layer in layers {
            if !self.factors.contains_key(&layer) {
                let found = statistics::find(&self.statistics, &self.model, layer)?;
                let factor = Arc::new(found.factor);
                self.factors.insert(layer, LayerFactor { factor, record: found.record });
            }
        }
        Ok(())
    }

    /// The description of the statistics of a layer, once they are found.
    pub(crate) fn statistics_of(&self, layer: usize) -> Option<&StatisticsRecord> {
        self.factors.get(&layer).map(|found| &found.record)
    }

    /// Goes on from edits that were made in an earlier session of the same choices: puts them on and
    /// counts them as made here.
    ///
    /// # Errors
    /// When that session was another one.
    pub fn resume(&mut self, part: EditPart) -> Result<(), Error> {
        self.find_statistics()?;
        // Another number of threads is no other choice, nor is what it rounds otherwise, nor the same model
        // from elsewhere.
        let EditRecord { environment, mut statistics, .. } = self.edits.record.clone();
        for (layer, found) in &mut statistics {
            if let Some(used) = part.record.statistics.get(layer) {
                found.condition = used.condition;
            }
        }
        let choices = EditRecord { statistics, ..self.edits.record.clone() };
        let theirs =
            EditRecord { edits: Vec::new(), environment: environment.clone(), ..part.record.clone() };
        let theirs = EditRecord { hub: choices.hub.clone(), ..theirs };
        if theirs != choices {
            return Err(InputError::OtherSettings.into());
        }
        self.set_edits(part)?;
        self.edits.record.environment =
            Environment::common(environment, self.edits.record.environment.as_ref());
        Ok(())
    }

    /// Puts exactly these edits on the model, in place of those made so far.
    ///
    /// # Errors
    /// When an edit does not fit; the model has none of them then.
    pub fn set_edits(&mut self, part: EditPart) -> Result<(), Error> {
        self.take_off_edits();
        if !part.updates.is_empty() {
            let edits = EditFile::from(part.clone());
            self.undo.push(edits.apply_unchecked(self.model.lm_mut())?);
        }
        self.edits = part;
        Ok(())
    }

    /// An editor over the model, for many requests; what it makes is not recorded here, and stays on
    /// the model.
    ///
    /// # Errors
    /// When there are no statistics for a layer.
    pub fn editor(&mut self) -> Result<Editor<'_>, Error> {
        self.editor_with(self.settings.config.clone())
    }

    /// An editor with other settings than the session's, such as another layer.
    ///
    /// # Errors
    /// When the settings do not fit the model, or there are no statistics for a layer.
    pub fn editor_with(&mut self, config: RomeConfig) -> Result<Editor<'_>, Error> {
        self.editor_by(Box::new(Rome::new(config)))
    }

    /// An editor that edits by any method.
    ///
    /// # Errors
    /// When the method's settings do not fit the model, or it needs statistics and there are none for a
    /// layer.
    pub fn editor_by<'s>(&'s mut self, method: Box<dyn EditMethod + 's>) -> Result<Editor<'s>, Error> {
        self.prepare(method.as_ref())?;
        let Self { model, factors, edits, .. } = self;
        let pretrained = &mut model.pretrained;
        let editor = Editor::with_method(pretrained.model.as_mut(), &pretrained.tokenizer, method)?;
        Ok(supplied(editor, &edits.record, factors))
    }

    /// Checks that a method fits the model, and finds the statistics that it needs.
    pub(crate) fn prepare(&mut self, method: &dyn EditMethod) -> Result<(), Error> {
        method.check(self.model.lm())?;
        if method.needs_statistics() {
            self.find_statistics_of(method.layers())?;
        }
        Ok(())
    }

    /// Edits the model by one request, which stays applied, and returns its outcome.
    ///
    /// # Errors
    /// When the request makes no sense, there are no statistics, or the edit is not finite;
    /// the model is as it was before then.
    pub fn edit(&mut self, request: &Request) -> Result<Outcome, Error> {
        self.edit_with(request, &mut ())
    }

    /// Edits the model like [`edit`](Self::edit), and tells `observer` of each step.
    ///
    /// # Errors
    /// As [`edit`](Self::edit), or when `observer` stops it.
    pub fn edit_with(&mut self, request: &Request, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        let tokenized = self.tokenize(request)?;
        let (mut editor, mut recorder) = self.editor_and_recorder()?;
        let (edits, outcome) = edit_and_ask(&mut editor, &tokenized, observer)?;
        recorder.record(request, &tokenized, edits, outcome);
        let undo = editor.into_undo();
        self.undo.push(undo);
        Ok(outcome)
    }

    /// An editor, and what records its edits in this session.
    pub(crate) fn editor_and_recorder(&mut self) -> Result<(Editor<'_>, Recorder<'_>), Error> {
        self.find_statistics()?;
        let Self { model, settings, factors, weight_hashes, edits, .. } = self;
        let method = Box::new(Rome::new(settings.config.clone()));
        let pretrained = &mut model.pretrained;
        let editor = Editor::with_method(pretrained.model.as_mut(), &pretrained.tokenizer, method)?;
        let editor = supplied(editor, &edits.record, factors);
        let hashes = WeightHashes { hashes: weight_hashes, source: &model.source };
        Ok((editor, Recorder { edits, hashes }))
    }

    /// The model with the factors of its layers, and what hashes its stored weights, for a method that edits it
    /// without an editor.
    pub(crate) fn editable(&mut self) -> (EditableModel<'_>, WeightHashes<'_>) {
        let Self { model, factors, weight_hashes, .. } = self;
        let mut editable = EditableModel::new(model.pretrained.model.as_mut());
        for (&layer, found) in factors.iter() {
            editable.set_factor(layer, Arc::clone(&found.factor));
        }
        (editable, WeightHashes { hashes: weight_hashes, source: &model.source })
    }

    /// Takes edits that are on the model already for those of this session, with what undoes them.
    pub(crate) fn adopt(&mut self, part: EditPart, undo: Undo) {
        self.undo.push(undo);
        self.edits = part;
    }

    /// The number of requests whose targets the model, as it is now, writes by greedy decoding.
    pub(crate) fn generated(&self, requests: &[Request]) -> Result<usize, Error> {
        let mut n = 0;
        for request in requests {
            let (tokenizer, shape) = (self.model.tokenizer(), self.model.lm().shape());
            let rows = TokenizedRequest::new(request, &[Context::clean()], &[], tokenizer, shape)?;
            n += usize::from(Answer::of(self.model.lm(), &rows.clean.tokens, &rows.target).is_greedy);
        }
        Ok(n)
    }

    /// Keeps what undoes edits that were made by an editor of this session.
    pub(crate) fn push_undo(&mut self, undo: Undo) {
        self.undo.push(undo);
    }

    /// Takes everything off the model again, to the bit, and forgets the edits made.
    pub fn undo(&mut self) {
        self.take_off_edits();
        self.restore_to(0);
        self.n_below = 0;
        self.edits.record.on_top_of.clear();
    }

    /// Takes the last request's edits off again, to the bit; nothing if there are none.
    ///
    /// # Errors
    /// When the other edits do not fit, which they did before.
    pub fn undo_last(&mut self) -> Result<(), Error> {
        let mut part = self.edits.clone();
        let last = part.record.edits.last().and_then(|entry| entry.request.clone());
        if part.is_together() {
            part = EditPart::new(EditRecord { edits: Vec::new(), facts: Vec::new(), ..part.record });
        }
        while part.record.edits.last().is_some_and(|entry| entry.request == last) {
            part.record.edits.pop();
            part.updates.pop();
        }
        self.set_edits(part)
    }

    fn take_off_edits(&mut self) {
        self.restore_to(self.n_below);
        self.edits.record.edits.clear();
        self.edits.record.facts.clear();
        self.edits.set_values(Vec::new());
        self.edits.updates.clear();
    }

    fn restore_to(&mut self, n_kept: usize) {
        for undo in self.undo.drain(n_kept..).rev() {
            undo.restore(self.model.pretrained.model.as_mut());
        }
    }

    /// Continues a prompt with the most probable tokens.
    ///
    /// # Errors
    /// When the prompt has no tokens or too many.
    pub fn generate(&self, prompt: &str, max_new_tokens: usize) -> Result<String, Error> {
        let prompt = prompt.to_owned();
        Ok(Generate { prompt, max_new_tokens, sampling: Sampling::Greedy }.run(&self.model)?.text)
    }

    /// Writes the edits made so far to a file, as a whole or not at all, and returns its size in bytes.
    ///
    /// # Errors
    /// When there are none, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<usize, Error> {
        let bytes = EditFile::from(self.edits.clone()).to_bytes()?;
        rome_files::write(path.as_ref(), &bytes)?;
        Ok(bytes.len())
    }
}

/// Gives an editor the contexts, KL prompts and factors of a session.
fn supplied<'e>(
    editor: Editor<'e>,
    record: &EditRecord,
    factors: &BTreeMap<usize, LayerFactor>,
) -> Editor<'e> {
    let editor = editor.contexts(record.contexts.clone()).kl_prompts(record.kl_prompts.clone());
    let factors = factors.iter().map(|(&layer, found)| (layer, Arc::clone(&found.factor)));
    factors.fold(editor, |editor, (layer, factor)| editor.statistics(layer, factor))
}

/// Records edits that an editor has made in the session that it is of.
pub(crate) struct Recorder<'a> {
    pub(crate) edits: &'a mut EditPart,
    hashes: WeightHashes<'a>,
}

/// The hashes of stored weights, each of which is read once.
pub(crate) struct WeightHashes<'a> {
    hashes: &'a mut BTreeMap<String, Option<String>>,
    source: &'a Source,
}

impl Recorder<'_> {
    /// Records the edits of a request.
    pub(crate) fn record(
        &mut self,
        request: &Request,
        tokenized: &TokenizedRequest,
        edits: Vec<Edit>,
        outcome: Outcome,
    ) {
        for edit in edits {
            let mut entry = edit.entry(request, tokenized, Some(outcome));
            entry.weight_hash = self.hashes.of(&edit.weight);
            self.edits.push(entry, edit.update);
        }
    }
}

impl WeightHashes<'_> {
    /// The hash of a stored weight.
    pub(crate) fn of(&mut self, weight: &str) -> Option<String> {
        if let Some(hash) = self.hashes.get(weight) {
            return hash.clone();
        }
        // An edit is as good without it, should the checkpoint be gone by now.
        let hash = CheckpointFiles::open(self.source).and_then(|files| files.hash_of(weight)).unwrap_or_else(
            |error| {
                tracing::warn!("the stored weight {weight} cannot be hashed: {error}");
                None
            },
        );
        self.hashes.insert(weight.to_owned(), hash.clone());
        hash
    }
}

/// Edits a model by a request and asks it before and after.
///
/// # Errors
/// When the edit cannot be made; the model is as it was before then.
pub(crate) fn edit_and_ask(
    editor: &mut Editor<'_>,
    request: &TokenizedRequest,
    observer: &mut dyn Observer,
) -> Result<(Vec<Edit>, Outcome), Error> {
    let ask = |editor: &Editor<'_>| Answer::of(editor.model(), &request.clean.tokens, &request.target);
    let before = ask(editor);
    let edits = editor.edit_tokenized(request, observer)?;
    Ok((edits, Outcome::new(before, ask(editor))))
}

/// Samples contexts from a model.
///
/// # Errors
/// When the model names no token to start with, or the settings make no context.
pub fn sample_contexts(model: &Model, settings: &Settings, seed: u64) -> Result<Vec<Context>, Error> {
    let start = model.start()?;
    if start.is_empty() {
        return Err(InputError::NoStartToken.into());
    }
    Ok(sample(model.lm(), model.tokenizer(), &start, &settings.context_lengths, seed)?)
}
