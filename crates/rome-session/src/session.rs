//! A model that is ready to be edited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::prelude::Device;
use rome_core::edit::Answer;
use rome_core::edit_file::Undo;
use rome_core::edit_record::{FORMAT_VERSION, Outcome};
use rome_core::editor::Progress;
use rome_core::generate::{Decoding, generate};
use rome_core::rows::check_vocabulary;
use rome_core::{
    Context, Edit, EditConfig, EditEntry, EditFile, EditPart, EditRecord, EditRows, Editor, Environment,
    Factor, Precision, Preservation, Request, TokenCodec, context,
};
use rome_device::DeviceName;

use crate::statistics::{self, StatisticsSource};
use crate::{Model, SessionError, Settings};

/// A model with all that its edits need, and the edits made on it so far.
pub struct Session {
    model: Model,
    settings: Settings,
    statistics: StatisticsSource,
    factors: BTreeMap<usize, Arc<Factor>>,
    made: EditPart,
    undo: Vec<Undo>,
}

/// What edits are computed over; how each is found by default.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// Exactly these contexts; sampled from the model if there are none.
    pub contexts: Option<Vec<Context>>,
    /// The preservation prompts.
    pub preservations: Vec<Preservation>,
    /// The seed of sampled contexts.
    pub seed: u64,
    /// Where C is taken from.
    pub statistics: StatisticsSource,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            contexts: None,
            preservations: vec![Preservation::essence()],
            seed: 0,
            statistics: StatisticsSource::Found,
        }
    }
}

type Configure = Box<dyn FnOnce(&mut EditConfig)>;

/// The choices for a session.
#[must_use]
pub struct SessionBuilder {
    name: String,
    device: Option<Device>,
    precision: Precision,
    hparams: Option<PathBuf>,
    configure: Vec<Configure>,
    inputs: Inputs,
}

impl Session {
    /// Opens a model by its name, with all else as it is by default: see
    /// [`builder`](Self::builder) for other choices.
    ///
    /// # Errors
    /// As [`SessionBuilder::open`].
    pub fn open(name: &str) -> Result<Self, SessionError> {
        Self::builder(name).open()
    }

    /// Chooses how a model is opened: a bundled one, a folder in Hugging Face form, or one of the hub.
    pub fn builder(name: &str) -> SessionBuilder {
        SessionBuilder {
            name: name.to_owned(),
            device: None,
            precision: Precision::F32,
            hparams: None,
            configure: Vec::new(),
            inputs: Inputs::default(),
        }
    }

    /// Starts with a model that is loaded already.
    ///
    /// # Errors
    /// When the settings do not fit the model, or contexts cannot be sampled.
    pub fn new(model: Model, settings: Settings, inputs: Inputs) -> Result<Self, SessionError> {
        settings.config.check(model.causal_lm().shape())?;
        let seed = inputs.contexts.is_none().then_some(inputs.seed);
        let contexts = match inputs.contexts {
            Some(contexts) => contexts,
            None => sample_contexts(&model, &settings, inputs.seed)?,
        };
        let record = EditRecord {
            format_version: FORMAT_VERSION,
            made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
            model_hash: model.pretrained.hash.clone(),
            imported_from: None,
            on_top_of: Vec::new(),
            settings: Some(settings.config.clone()),
            contexts,
            preservations: inputs.preservations,
            seed,
            precision: model.precision,
            environment: Some(Environment::of(&model.causal_lm().device())),
            statistics: BTreeMap::new(),
            edits: Vec::new(),
        };
        let statistics = match inputs.statistics {
            StatisticsSource::Found if !settings.use_statistics => StatisticsSource::Identity,
            given => given,
        };
        let made = EditPart::new(record);
        Ok(Self { model, settings, statistics, factors: BTreeMap::new(), made, undo: Vec::new() })
    }

    /// The model, as it is now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model for a change of another kind than an edit; whoever makes one takes it back.
    pub fn model_mut(&mut self) -> &mut Model {
        &mut self.model
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

    /// The edits made so far, and how they came about.
    pub fn made(&self) -> &EditPart {
        &self.made
    }

    /// The rows that a request is optimised over.
    ///
    /// # Errors
    /// When the request makes no sense for this model.
    pub fn rows(&self, request: &Request) -> Result<EditRows, SessionError> {
        let EditRecord { contexts, preservations, .. } = &self.made.record;
        let (tokens, shape) = (&self.model.pretrained.tokenizer, self.model.causal_lm().shape());
        Ok(EditRows::new(request, contexts, preservations, tokens, shape)?)
    }

    /// Puts edits on the model, for those to come to be made on top of them.
    ///
    /// # Errors
    /// When they were made for another model, unless they are applied `regardless`, or do not fit.
    pub fn apply(&mut self, edits: &EditFile, regardless: bool) -> Result<(), SessionError> {
        if !self.made.updates.is_empty() {
            return Err(SessionError::new(
                "edits were made already, which were not made on top of these",
                "apply edits first, or undo those that were made",
            ));
        }
        if !regardless {
            edits.check_model(&self.model.pretrained.hash)?;
        }
        let hashes: Vec<String> = edits.parts.iter().map(part_hash).collect::<Result<_, _>>()?;
        self.undo.push(edits.apply_regardless(self.model.pretrained.model.as_mut())?);
        self.made.record.on_top_of.extend(hashes);
        Ok(())
    }

    /// Finds and factors the statistics of every layer that is edited, unless they are there.
    ///
    /// # Errors
    /// When there are none for a layer.
    pub fn find_statistics(&mut self) -> Result<(), SessionError> {
        self.find_statistics_of(&self.settings.config.layers.clone())
    }

    fn find_statistics_of(&mut self, layers: &[usize]) -> Result<(), SessionError> {
        for &layer in layers {
            if !self.factors.contains_key(&layer) {
                let found = statistics::find(&self.statistics, &self.model, layer)?;
                self.made.record.statistics.insert(layer, found.record);
                self.factors.insert(layer, Arc::new(found.factor));
            }
        }
        Ok(())
    }

    /// Goes on from edits that were made in an earlier session of the same choices: puts them on and
    /// counts them as made here.
    ///
    /// # Errors
    /// When that session was another one.
    pub fn resume(&mut self, part: EditPart) -> Result<(), SessionError> {
        self.find_statistics()?;
        // Another number of threads is no other choice, nor is what it rounds otherwise.
        let EditRecord { environment, mut statistics, .. } = self.made.record.clone();
        for (layer, found) in &mut statistics {
            if let Some(used) = part.record.statistics.get(layer) {
                found.condition = used.condition;
            }
        }
        let choices = EditRecord { statistics, ..self.made.record.clone() };
        let theirs =
            EditRecord { edits: Vec::new(), environment: environment.clone(), ..part.record.clone() };
        if theirs != choices {
            return Err(SessionError::new(
                "the interrupted run had other settings",
                "give the options of that run, or leave --resume out to start anew",
            ));
        }
        if !part.updates.is_empty() {
            let edits = EditFile::from(part.clone());
            self.undo.push(edits.apply_regardless(self.model.pretrained.model.as_mut())?);
        }
        self.made = part;
        self.made.record.environment =
            Environment::common(environment, self.made.record.environment.as_ref());
        Ok(())
    }

    /// An editor over the model, for many requests; what it makes is not recorded here, and stays on
    /// the model.
    ///
    /// # Errors
    /// When there are no statistics for a layer.
    pub fn editor(&mut self) -> Result<Editor<'_>, SessionError> {
        self.editor_with(self.settings.config.clone())
    }

    /// An editor with other settings than the session's, such as another layer.
    ///
    /// # Errors
    /// When the settings do not fit the model, or there are no statistics for a layer.
    pub fn editor_with(&mut self, config: EditConfig) -> Result<Editor<'_>, SessionError> {
        config.check(self.model.causal_lm().shape())?;
        self.find_statistics_of(&config.layers)?;
        let Self { model, factors, made, .. } = self;
        let pretrained = &mut model.pretrained;
        let editor = Editor::new(pretrained.model.as_mut(), &pretrained.tokenizer, config)?
            .contexts(made.record.contexts.clone())
            .preservations(made.record.preservations.clone());
        let factors = factors.iter().map(|(&layer, factor)| (layer, Arc::clone(factor)));
        Ok(factors.fold(editor, |editor, (layer, factor)| editor.statistics(layer, factor)))
    }

    /// Edits the model by one request, which stays on it, and says what it came to.
    ///
    /// # Errors
    /// When the request makes no sense, there are no statistics, or the edit comes to nothing finite;
    /// the model is as it was before then.
    pub fn edit(&mut self, request: &Request) -> Result<Outcome, SessionError> {
        let rows = self.rows(request)?;
        let mut editor = self.editor()?;
        let made = make(&mut editor, request, &rows, &mut |_| ())?;
        let undo = editor.into_undo();
        self.undo.push(undo);
        for (edit, entry) in made.edits {
            self.made.push(entry, edit.update);
        }
        Ok(made.outcome)
    }

    /// Takes everything off the model again, to the bit, and forgets the edits made.
    pub fn undo(&mut self) {
        for undo in self.undo.drain(..).rev() {
            undo.restore(self.model.pretrained.model.as_mut());
        }
        self.made.record.edits.clear();
        self.made.record.on_top_of.clear();
        self.made.updates.clear();
    }

    /// Continues a prompt with the most probable tokens.
    ///
    /// # Errors
    /// When the prompt has no tokens or too many.
    pub fn generate(&self, prompt: &str, max_new_tokens: usize) -> Result<String, SessionError> {
        let pretrained = &self.model.pretrained;
        let tokens = pretrained.tokenizer.encode(prompt)?.ids;
        let shape = self.model.causal_lm().shape();
        check_vocabulary(&tokens, shape)?;
        if tokens.is_empty() || tokens.len() >= shape.n_positions {
            let message =
                format!("the prompt has {} tokens, and the model takes {}", tokens.len(), shape.n_positions);
            return Err(SessionError::new(message, "give some text, and not too much"));
        }
        let end = pretrained.end_token;
        let tokens = generate(self.model.causal_lm(), &tokens, max_new_tokens, end, &mut Decoding::Greedy)?;
        Ok(pretrained.tokenizer.decode(&tokens)?)
    }

    /// Writes the edits made so far to a file, as a whole or not at all.
    ///
    /// # Errors
    /// When there are none, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SessionError> {
        Ok(rome_files::write(path.as_ref(), &EditFile::from(self.made.clone()).to_bytes()?)?)
    }
}

impl SessionBuilder {
    /// Computes on this device; the processor by default.
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Holds the model's matrices in this precision; f32 by default.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Takes the settings of a file of the reference, `hparams/ROME/*.json`.
    pub fn hparams(mut self, path: impl Into<PathBuf>) -> Self {
        self.hparams = Some(path.into());
        self
    }

    /// Changes the settings that are published or suggested for the model.
    pub fn configure(mut self, configure: impl FnOnce(&mut EditConfig) + 'static) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Uses exactly these contexts, rather than sample some.
    pub fn contexts(mut self, contexts: Vec<Context>) -> Self {
        self.inputs.contexts = Some(contexts);
        self
    }

    /// Uses exactly these preservation prompts; none turns the KL term off.
    pub fn preservations(mut self, preservations: Vec<Preservation>) -> Self {
        self.inputs.preservations = preservations;
        self
    }

    /// Samples contexts by this seed; 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.inputs.seed = seed;
        self
    }

    /// Takes C from here; from the cache or the bundle by default.
    pub fn statistics(mut self, statistics: StatisticsSource) -> Self {
        self.inputs.statistics = statistics;
        self
    }

    /// Loads the model and samples its contexts. Statistics are looked for when they are needed.
    ///
    /// # Errors
    /// When there is no such model, or the settings do not fit it.
    pub fn open(self) -> Result<Session, SessionError> {
        let device = match self.device {
            Some(device) => device,
            None => DeviceName::Cpu.find()?.device,
        };
        let model = Model::load(&self.name, &device, self.precision, &mut |_| ())?;
        let mut settings = match &self.hparams {
            Some(path) => Settings::read(path, &model)?,
            None => Settings::of(&model)?,
        };
        self.configure.into_iter().for_each(|configure| configure(&mut settings.config));
        Session::new(model, settings, self.inputs)
    }
}

/// What a request was made into.
#[derive(Debug)]
pub struct Made {
    /// An edit of each layer, and how a file describes it.
    pub edits: Vec<(Edit, EditEntry)>,
    /// What it came to.
    pub outcome: Outcome,
}

/// Edits a model by a request and asks it before and after.
///
/// # Errors
/// [`SessionError`]; the model is as it was before then.
pub fn make(
    editor: &mut Editor<'_>,
    request: &Request,
    rows: &EditRows,
    on_step: &mut dyn FnMut(Progress<'_>),
) -> Result<Made, SessionError> {
    let before = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
    let edits = editor.edit(request, on_step)?;
    let after = Answer::of(editor.model(), &rows.clean.tokens, &rows.target);
    let outcome = Outcome::new(before, after);
    let described = edits.into_iter().map(|edit| {
        let entry = EditEntry::new(request, rows.lookups(), &edit, Some(outcome));
        (edit, entry)
    });
    Ok(Made { edits: described.collect(), outcome })
}

/// The hash of edits made in one go, as a file of their own.
///
/// # Errors
/// When they cannot be written.
pub fn part_hash(part: &EditPart) -> Result<String, SessionError> {
    let bytes = EditFile::from(part.clone()).to_bytes()?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// Samples contexts from a model.
///
/// # Errors
/// When the model names no token to start with, or the settings make no context.
pub fn sample_contexts(model: &Model, settings: &Settings, seed: u64) -> Result<Vec<Context>, SessionError> {
    let Some(start_token) = model.pretrained.start_token else {
        return Err(SessionError::new(
            "the model's config.json names no bos_token_id to sample contexts from",
            "give contexts with --contexts FILE",
        ));
    };
    let tokens = &model.pretrained.tokenizer;
    Ok(context::sample(model.causal_lm(), tokens, start_token, &settings.context_lengths, seed)?)
}
