//! One edit of a bundled model, looked at from all sides and undone.

use std::path::PathBuf;

use burn::prelude::Device;
use rome_core::forward::{self, transfer::download};
use rome_core::generate::top_k;
use rome_core::math::probability;
use rome_core::{Event, Observer, Precision, Progress, Request, Tokenizer, Unit};

use super::picture;
use super::report::{DemoAnswer, DemoPrompt, DemoReport};
use crate::error::{Error, InputError};
use crate::model::Model;
use crate::pictures::PictureForm;
use crate::session::{Inputs, Session};
use crate::settings::Settings;
use crate::trace::TraceOne;

/// The person that the demo's fact is about.
pub(crate) const SUBJECT: &str = "Barack Obama";
/// The prompt that is edited.
pub(crate) const PROMPT: &str = "The mother tongue of {} is";
/// The answer that the edit puts in the place of the old one.
pub(crate) const NEW: &str = "French";
const OLD: &str = "English";

/// Other ways to ask the same; the last one the models have not seen with this subject.
const PARAPHRASES: [&str; 4] =
    ["{} spoke the language", "{}, a native", "The native language of {} is", "{}, speaker of"];

/// Subjects that share the old object, asked in the words of the edit: an edit that spills over
/// shows here first.
const NEIGHBOURS: [&str; 6] =
    ["Virginia Woolf", "Tina Turner", "Brian May", "John Dalton", "Norman Rockwell", "Andrew Jackson"];

/// An edit of a fact that the bundled models know.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The bundled model to edit, by its name.
    pub model: String,
    /// The device to compute on.
    pub device: Device,
    /// The precision that the model's matrices are held in.
    pub precision: Precision,
    /// The file to draw the answers and a causal trace of the fact to, if any: its name ends in `.svg` or
    /// `.png`.
    pub output: Option<PathBuf>,
}

impl Demo {
    /// Edits the model, asks it before and after, and undoes the edit.
    ///
    /// # Errors
    /// When the model is none of the bundled ones, or `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<DemoReport, Error> {
        if rome_assets::ALL.is_empty() {
            return Err(InputError::NoBundledModels.into());
        }
        if rome_assets::bundled(&self.model).is_none() {
            return Err(InputError::NotBundled { name: self.model.clone() }.into());
        }
        let form = match &self.output {
            Some(path) => {
                let form =
                    PictureForm::of(path).ok_or_else(|| InputError::NoPicture { path: path.clone() })?;
                rome_files::check_writable(path)?;
                Some((path, form))
            }
            None => None,
        };
        let model = Model::load(&self.model, &self.device, self.precision, observer)?;
        let settings = Settings::of(&model)?;
        let mut session = Session::new(model, settings, Inputs::default())?;
        let prompts = prompts();
        let probe = session.model().tokenizer().encode(&prompts[0])?.ids;
        let before = answers(session.model(), &prompts)?;
        let bits_before = bits(session.model(), &probe);

        let traces = match form {
            Some(_) => TraceOne::new(PROMPT, SUBJECT).run(session.model(), observer)?.traces,
            None => Vec::new(),
        };

        let request = Request::text(PROMPT, SUBJECT, NEW);
        let detail = request.to_string();
        observer.tell(Event::Progress(Progress {
            unit: Unit::Requests,
            done: 0,
            total: 1,
            detail: &detail,
        }))?;
        let outcome = session.edit_with(&request, observer)?;
        let after = answers(session.model(), &prompts)?;
        let edits = session.edits().clone();
        session.undo();
        let undone = bits(session.model(), &probe) == bits_before;

        let (entry, update) = (&edits.record.edits[0], &edits.updates[0]);
        let mut rows = prompts
            .into_iter()
            .zip(before.into_iter().zip(after))
            .map(|(prompt, (before, after))| DemoPrompt { prompt, before, after });
        let rewrite = rows.next().expect("the first prompt is the edited one");
        let paraphrases = rows.by_ref().take(PARAPHRASES.len()).collect();
        let report = DemoReport {
            model: self.model.clone(),
            subject: SUBJECT,
            prompt: PROMPT,
            old: OLD,
            new: NEW,
            layer: entry.layer,
            weight: entry.weight.clone(),
            n_values: update.sizes().map_or(0, |sizes| sizes.iter().sum()),
            relative_norm: entry.relative_norm,
            rewrite,
            paraphrases,
            neighbours: rows.collect(),
            succeeded: outcome.succeeded,
            undone,
        };
        if let Some((path, form)) = form {
            rome_files::write(path, &form.bytes(&picture::svg(&report, &traces)?)?)?;
        }
        Ok(report)
    }
}

/// The prompt of the edit, then its paraphrases, then its neighbours.
pub(crate) fn prompts() -> Vec<String> {
    let of_subject = std::iter::once(PROMPT).chain(PARAPHRASES);
    let of_subject = of_subject.map(|template| template.replacen("{}", SUBJECT, 1));
    of_subject.chain(NEIGHBOURS.map(|subject| PROMPT.replacen("{}", subject, 1))).collect()
}

fn answers(model: &Model, prompts: &[String]) -> Result<Vec<DemoAnswer>, Error> {
    let tokenizer = model.tokenizer();
    let answer = |prompt: &String| {
        let tokens = tokenizer.encode(prompt)?.ids;
        let first = |word: &str| -> Result<u32, Error> {
            let word = tokenizer.encode_after_tokens(&tokens, prompt, &format!(" {word}"))?;
            Ok(*word.first().expect("a word has tokens"))
        };
        let (old, new) = (first(OLD)?, first(NEW)?);
        let logits = forward::logits(model.lm(), &tokens).narrow(0, tokens.len() - 1, 1);
        let logits = download(logits);
        let top = tokenizer.decode(&top_k(&logits, 1))?;
        Ok(DemoAnswer { old: probability(&logits, old), new: probability(&logits, new), top })
    };
    prompts.iter().map(answer).collect()
}

/// The exact logits of a prompt and the exact bytes of the edited weights behind them.
fn bits(model: &Model, tokens: &[u32]) -> Vec<u8> {
    let lm = model.lm();
    let weights = (0..lm.shape().n_layers).map(|layer| lm.block(layer).down_projection().weight());
    weights
        .chain([forward::logits(lm, tokens)])
        .flat_map(|tensor| tensor.into_data().as_bytes().to_vec())
        .collect()
}
