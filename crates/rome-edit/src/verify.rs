//! Edits recomputed from their record and compared with the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rome_core::{
    EditEntry, EditFile, EditPart, Environment, Observer, Outcome, Progress, Request, RomeConfig, Unit,
    WeightUpdate,
};
use serde::Serialize;

use crate::edit_together::{ContextGroups, EditTogether, VerifiedValue};
use crate::edits::{part_hash, read_all};
use crate::error::{Error, InputError};
use crate::session::edit_and_ask;
use crate::{Event, Inputs, Model, Session, Settings, StatisticsSource};

/// A cosine above this is the same edit, rounded otherwise.
const SAME: f64 = 0.9999;
/// And so is a length within this of the other.
const AS_LONG: f64 = 1e-3;

/// A file of edits to make again.
#[derive(Debug, Clone)]
pub struct Verify {
    /// The file.
    pub file: PathBuf,
    /// Edits that it was made on top of.
    pub edits: Vec<PathBuf>,
    /// The source of C.
    pub statistics: StatisticsSource,
    /// The number of values of facts that were edited together to compute anew; the updates are solved for from the
    /// values in the file.
    pub sample: usize,
}

/// The comparison of edits with themselves, computed again.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// True if all left and right vectors have the same bytes.
    pub equal: bool,
    /// True if all are the same edits but for rounding.
    pub same: bool,
    /// Of each edit.
    pub edits: Vec<VerifiedEdit>,
    /// Of the values of facts that were computed anew, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<VerifiedValue>,
    /// The differences between the two environments, as sentences.
    #[serde(rename = "environment")]
    pub differences: Vec<String>,
}

/// The comparison of an edit with itself, computed again.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedEdit {
    /// The canonical name of the weight.
    pub weight: String,
    /// The request, on one line.
    pub request: String,
    /// True if left and right vectors have the same bytes.
    pub equal: bool,
    /// The cosine of the two differences of the weight.
    pub cosine: f64,
    /// The relative difference of the norms.
    pub difference_of_norms: f64,
    /// True if it is the same edit but for rounding.
    pub same: bool,
    /// The outcome of the request, asked again when it was computed again; nothing of many facts.
    pub outcome: Option<Outcome>,
}

/// An edit computed again, and the outcome of its request.
type UpdateAgain = (WeightUpdate, Option<Outcome>);

impl Verify {
    /// Recomputes the edits on an unedited model, and compares.
    ///
    /// # Errors
    /// When the edits are not of this model, cannot be made again, or `observer` stops it.
    pub fn run(&self, mut model: Model, observer: &mut dyn Observer) -> Result<Verification, Error> {
        let others = read_all(&self.edits)?;
        // Read after the others, so that what was made on top of them is seen to be.
        let mut given = read_all(&[&self.edits[..], std::slice::from_ref(&self.file)].concat())?;
        given.parts.drain(..others.parts.len());
        given.check_model(model.hash())?;
        let mut known: BTreeMap<String, EditPart> = BTreeMap::new();
        for part in others.parts {
            known.insert(part_hash(&part)?, part);
        }
        let (mut edits, mut values, mut differences) = (Vec::new(), Vec::new(), Vec::new());
        for part in &given.parts {
            let (same_model, again) = if part.is_together() {
                self.together_again(part, &known, (model, &mut values), observer)?
            } else {
                self.again(part, &known, model, observer)?
            };
            model = same_model;
            for (index, entry) in part.record.edits.iter().enumerate() {
                edits.push(VerifiedEdit::new(entry, &part.updates[index], &again[index]));
            }
            if let Some(there) = &part.record.environment {
                differences.extend(there.differences(&Environment::of(&model.lm().device())));
            }
            known.insert(part_hash(part)?, part.clone());
        }
        differences.sort();
        differences.dedup();
        Ok(Verification {
            equal: edits.iter().all(|edit| edit.equal) && values.iter().all(|value| value.equal),
            same: edits.iter().all(|edit| edit.same) && values.iter().all(|value| value.cosine > SAME),
            edits,
            values,
            differences,
        })
    }

    /// The session that a part was made in: its inputs, on an unedited model with the edits below.
    fn session(
        &self,
        part: &EditPart,
        known: &BTreeMap<String, EditPart>,
        (model, config): (Model, RomeConfig),
    ) -> Result<Session, Error> {
        let record = &part.record;
        let parts = record.on_top_of.iter().map(|hash| {
            known.get(hash).cloned().ok_or_else(|| InputError::MissingBelow { hash: hash.clone() })
        });
        let below = EditFile { parts: parts.collect::<Result<_, _>>()? };
        let use_statistics = record.statistics.values().any(|used| used.source != "identity");
        let settings = Settings { config, use_statistics, ..Settings::of(&model)? };
        let inputs = Inputs {
            contexts: Some(record.contexts.clone()),
            kl_prompts: Some(record.kl_prompts.clone()),
            statistics: self.statistics.clone(),
            ..Inputs::default()
        };
        if model.precision != record.precision {
            return Err(InputError::OtherPrecision { precision: record.precision }.into());
        }
        let mut session = Session::new(model, settings, inputs)?;
        session.apply_unchecked(&below)?;
        Ok(session)
    }

    /// Edits the facts of a part together again, from the values that it keeps.
    fn together_again(
        &self,
        part: &EditPart,
        known: &BTreeMap<String, EditPart>,
        (model, values): (Model, &mut Vec<VerifiedValue>),
        observer: &mut dyn Observer,
    ) -> Result<(Model, Vec<UpdateAgain>), Error> {
        let Some(config) = part.record.settings.as_ref().and_then(|settings| settings.mass()).cloned() else {
            return Err(InputError::UnknownMethod.into());
        };
        let rome = Settings::of(&model)?.config;
        let mut session = self.session(part, known, (model, rome))?;
        let record = &part.record;
        let requests: Vec<Request> = record.facts.iter().map(|fact| fact.request.clone()).collect();
        let groups =
            ContextGroups { contexts: record.contexts.clone(), sizes: record.context_groups.clone() };
        let together = EditTogether {
            contexts: Some(groups),
            batch: record.batches.first().copied(),
            ..EditTogether::new(requests, config)
        };
        // Values of later batches are of the model that the earlier ones have left.
        if !part.values.is_empty() && record.batches.len() <= 1 {
            values.extend(together.verify_values(&session, part, self.sample, observer)?);
        }
        let kept = (!part.values.is_empty()).then_some(part);
        together.run_from(&mut session, kept, observer)?;
        let updates = session.edits().updates.iter().map(|update| (update.clone(), None)).collect();
        Ok((session.into_model(), updates))
    }

    /// Makes the edits of a part again, on what they were made on.
    fn again(
        &self,
        part: &EditPart,
        known: &BTreeMap<String, EditPart>,
        model: Model,
        observer: &mut dyn Observer,
    ) -> Result<(Model, Vec<UpdateAgain>), Error> {
        let record = &part.record;
        let Some(config) = record.settings.as_ref().and_then(|settings| settings.rome()).cloned() else {
            return Err(InputError::UnknownMethod.into());
        };
        let requests = requests(part, config.layers.len(), &self.file)?;
        let mut session = self.session(part, known, (model, config))?;
        session.find_statistics()?;
        for (layer, used) in &record.statistics {
            let found = session.edits().record.statistics.get(layer);
            if found.is_some_and(|found| found.source != used.source) {
                tracing::info!("C of layer {layer} is another one than it was made with: {}", used.source);
            }
        }
        let tokenized =
            requests.iter().map(|request| session.tokenize(request)).collect::<Result<Vec<_>, _>>()?;
        // In turn on one editor, as they were made: later ones take over what earlier ones have run.
        let mut editor = session.editor()?;
        let mut updates = Vec::new();
        let total = requests.len() as u64;
        for ((done, request), tokenized) in (0..).zip(&requests).zip(&tokenized) {
            let detail = request.to_string();
            observer.tell(Event::Progress(Progress {
                unit: Unit::Requests,
                done,
                total,
                detail: &detail,
            }))?;
            let (edits, outcome) = edit_and_ask(&mut editor, tokenized, observer)?;
            updates.extend(edits.into_iter().map(|edit| (edit.update, Some(outcome))));
        }
        editor.undo();
        drop(editor);
        Ok((session.into_model(), updates))
    }
}

/// The requests of a part, each of which has edited all layers.
fn requests(part: &EditPart, n_layers: usize, file: &Path) -> Result<Vec<Request>, Error> {
    let of_one = |edits: &[EditEntry]| {
        let request = edits.first()?.request.clone()?;
        let is_whole =
            edits.len() == n_layers && edits.iter().all(|edit| edit.request.as_ref() == Some(&request));
        is_whole.then_some(request)
    };
    let requests: Option<Vec<Request>> = part.record.edits.chunks(n_layers).map(of_one).collect();
    requests.ok_or_else(|| InputError::IncompleteEdits { path: file.to_owned() }.into())
}

impl VerifiedEdit {
    /// Compares an edit with itself made again, on which the file's scale is put.
    fn new(entry: &EditEntry, there: &WeightUpdate, (again, outcome): &UpdateAgain) -> Self {
        let mut again = again.clone();
        if entry.scale != 1.0 {
            again.scale(entry.scale);
        }
        let equal = *there == again;
        let (cosine, difference_of_norms) =
            if equal { (1.0, 0.0) } else { (there.cosine(&again), again.norm() / there.norm() - 1.0) };
        let request =
            entry.request.as_ref().map_or_else(|| "all facts together".to_owned(), Request::to_string);
        let same = equal || cosine > SAME && difference_of_norms.abs() < AS_LONG;
        Self {
            weight: entry.weight.clone(),
            request,
            equal,
            cosine,
            difference_of_norms,
            same,
            outcome: *outcome,
        }
    }
}
