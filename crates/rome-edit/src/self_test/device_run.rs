//! A bundled model on one device: text, logits, an edit and a second moment.

use std::time::Instant;

use burn::prelude::Device;
use rome_assets::Bundled;
use rome_core::forward::transfer::{Traffic, download};
use rome_core::generate::{Decoding, generate};
use rome_core::{Context, Event, Observer, Precision, Request, Tokenizer, WeightUpdate, forward};
use rome_stats::Collector;

use super::device_comparison::{DeviceComparison, equal_but_for_ties};
use crate::demo::{NEW, PROMPT, SUBJECT, prompts};
use crate::error::Error;
use crate::model::Model;
use crate::session::{Inputs, Session};
use crate::settings::Settings;

/// The number of tokens to generate after a text.
const N_NEW_TOKENS: usize = 12;

/// The results of a bundled model on one device.
pub(super) struct DeviceRun {
    contexts: Vec<Context>,
    texts: Vec<Vec<u32>>,
    /// Of each text of the reference, `[n_tokens, vocab_size]`.
    logits: Vec<Vec<f32>>,
    update: WeightUpdate,
    sums: Vec<f64>,
    /// Of the first edit, for which a GPU's programs are compiled and tuned, and of one after it.
    seconds: [f64; 2],
    /// The most that a step of v* has moved.
    step_traffic: Traffic,
}

impl DeviceRun {
    /// Runs a model on a device. Contexts and texts are those of `reference`, if there is one.
    pub(super) fn of(
        bundled: &'static Bundled,
        device: &Device,
        reference: Option<&Self>,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let model = Model::load(bundled.name, device, Precision::F32, observer)?;
        let settings = Settings::of(&model)?;
        let layer = settings.config.layers[0];
        let contexts = reference.map(|reference| reference.contexts.clone());
        let mut session = Session::new(model, settings, Inputs { contexts, ..Inputs::default() })?;
        let texts = texts(session.model())?;
        // Over the same texts, so that they can be compared even where a text differs.
        let compared = reference.map_or(&texts, |reference| &reference.texts);
        let logits = compared.iter().map(|text| download(forward::logits(session.model().lm(), text)));
        let logits = logits.collect();
        let sums = sums(session.model(), layer)?;
        let contexts = session.edits().record.contexts.clone();

        let mut traffic = Vec::new();
        let ((update, first), (_, again)) =
            (edit(&mut session, &mut traffic, observer)?, edit(&mut session, &mut traffic, observer)?);
        let steps = traffic[..traffic.len() / 2].windows(2);
        let step_traffic = steps.fold(Traffic::default(), |most, step| Traffic {
            uploads: most.uploads.max(step[1].uploads - step[0].uploads),
            downloads: most.downloads.max(step[1].downloads - step[0].downloads),
        });
        Ok(Self { contexts, texts, logits, update, sums, seconds: [first, again], step_traffic })
    }

    pub(super) fn compare(&self, reference: &Self, device: &str, model: &'static str) -> DeviceComparison {
        let logits = self.logits.iter().flatten().zip(reference.logits.iter().flatten());
        let logits = logits.map(|(a, b)| f64::from((a - b).abs()));
        let texts = self.texts.iter().zip(&reference.texts).zip(&reference.logits);
        let difference = self.sums.iter().zip(&reference.sums).map(|(a, b)| (a - b).powi(2));
        let size = reference.sums.iter().map(|sum| sum.powi(2));
        DeviceComparison {
            device: device.to_owned(),
            model,
            logits: logits.fold(0.0, f64::max),
            texts: texts.into_iter().all(|((ours, theirs), logits)| equal_but_for_ties(ours, theirs, logits)),
            edit: self.update.cosine(&reference.update),
            statistics: (difference.sum::<f64>() / size.sum::<f64>()).sqrt(),
            seconds: self.seconds,
            seconds_on_the_processor: reference.seconds,
            uploads_per_step: self.step_traffic.uploads,
            downloads_per_step: self.step_traffic.downloads,
        }
    }
}

/// The prompts of the demo, each continued.
fn texts(model: &Model) -> Result<Vec<Vec<u32>>, Error> {
    let mut texts = Vec::new();
    for prompt in prompts() {
        let prompt = model.tokenizer().encode(&prompt)?.ids;
        texts.push(generate(model.lm(), &prompt, N_NEW_TOKENS, &[], &mut Decoding::Greedy)?);
    }
    Ok(texts)
}

/// The sum of the keys of a layer over the prompts of the demo.
fn sums(model: &Model, layer: usize) -> Result<Vec<f64>, Error> {
    let mut collector = Collector::new(model.lm(), model.tokenizer(), &[layer])?;
    prompts().iter().try_for_each(|prompt| collector.add(prompt))?;
    Ok(collector.finish(model.hash())?[&layer].moment.sum().to_vec())
}

/// Makes the edit of the demo and undoes it. Returns it with the seconds that it took, and adds what was
/// moved by each step so far.
fn edit(
    session: &mut Session,
    traffic: &mut Vec<Traffic>,
    observer: &mut dyn Observer,
) -> Result<(WeightUpdate, f64), Error> {
    let mut editor = session.editor()?;
    let start = Instant::now();
    let mut watch = |event: Event<'_>| {
        if matches!(event, Event::Step(_)) {
            traffic.push(Traffic::so_far());
        }
        observer.event(event)
    };
    let edits = editor.edit(&Request::text(PROMPT, SUBJECT, NEW), &mut watch)?;
    editor.undo();
    let seconds = start.elapsed().as_secs_f64();
    let edit = edits.into_iter().next().expect("an edit has a layer");
    Ok((edit.update, seconds))
}
