//! A device held against the processor: text, logits, an edit and a second moment.

use std::time::Instant;

use anyhow::{Context as _, Result};
use burn::prelude::Device;
use rome_assets::Bundled;
use rome_core::generate::{Decoding, generate};
use rome_core::transfer::{Traffic, download};
use rome_core::{Context, Editor, Precision, RankOneUpdate, Request, TokenCodec, forward};
use rome_session::session::sample_contexts;
use rome_session::{Settings, StatisticsSource, statistics};
use rome_stats::Collector;
use serde::Serialize;

use crate::commands::demo::{NEW, PROMPT, SUBJECT, prompts};
use crate::model;

/// The largest difference of a logit. f32 in sums of hundreds leaves some 1e-5.
const LOGITS: f64 = 1e-3;
/// The smallest cosine of ΔW, after 20 steps of Adam.
const EDIT: f64 = 0.999;
/// The largest difference of C, relative, in Frobenius norm.
const STATISTICS: f64 = 1e-4;

/// How many tokens a text goes on for.
const N_NEW_TOKENS: usize = 12;

/// What a bundled model comes to on one device.
pub(crate) struct Outcome {
    contexts: Vec<Context>,
    texts: Vec<Vec<u32>>,
    /// Of each text of the reference, `[n_tokens, vocab_size]`.
    logits: Vec<Vec<f32>>,
    update: RankOneUpdate,
    sums: Vec<f64>,
    /// Of the first edit, for which a GPU's programs are compiled and tuned, and of one after it.
    seconds: [f64; 2],
    /// The most that a step of v* has moved.
    step_traffic: Traffic,
}

/// How far a device is from the processor.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) device: String,
    pub(crate) model: &'static str,
    /// The largest difference.
    pub(crate) logits: f64,
    /// Whether greedy texts are equal, up to where two tokens are equally good.
    pub(crate) texts: bool,
    /// The cosine of ΔW.
    pub(crate) edit: f64,
    /// The relative difference of C.
    pub(crate) statistics: f64,
    pub(crate) seconds: [f64; 2],
    pub(crate) seconds_on_the_processor: [f64; 2],
    /// How often a step of v* writes to the device.
    pub(crate) uploads_per_step: u64,
    /// How often a step of v* reads from the device.
    pub(crate) downloads_per_step: u64,
}

impl Outcome {
    /// Contexts and texts are those of `reference`, if there is one.
    pub(crate) fn of(bundled: &'static Bundled, device: &Device, reference: Option<&Self>) -> Result<Self> {
        let mut model = model::load_on(bundled.name, device, Precision::F32)?;
        let settings = Settings::of(&model)?;
        let layer = settings.config.layers[0];
        let contexts = match reference {
            Some(reference) => reference.contexts.clone(),
            None => sample_contexts(&model, &settings, 0)?,
        };

        let tokenizer = &model.pretrained.tokenizer;
        let mut texts = Vec::new();
        for prompt in prompts() {
            let prompt = tokenizer.encode(&prompt)?.ids;
            texts.push(generate(model.causal_lm(), &prompt, N_NEW_TOKENS, None, &mut Decoding::Greedy)?);
        }
        // Over the same texts, so that they can be compared even where a text differs.
        let compared = reference.map_or(&texts, |reference| &reference.texts);
        let logits = compared.iter().map(|text| download(forward::logits(model.causal_lm(), text)));
        let logits = logits.collect();

        let mut collector = Collector::new(model.causal_lm(), tokenizer, &[layer])?;
        prompts().iter().try_for_each(|prompt| collector.add(prompt))?;
        let statistics = collector.finish(&model.pretrained.hash)?;
        let sums = statistics[&layer].moment.sum().to_vec();

        let factor = statistics::find(&StatisticsSource::Found, &model, layer)?.factor;
        let pretrained = &mut model.pretrained;
        let mut editor = Editor::new(pretrained.model.as_mut(), &pretrained.tokenizer, settings.config)?
            .contexts(contexts.clone())
            .statistics(layer, factor);
        let mut crossings = Vec::new();
        let mut edit = || -> Result<_> {
            let start = Instant::now();
            let request = Request::text(PROMPT, SUBJECT, NEW);
            let edits = editor.edit(&request, &mut |_| crossings.push(Traffic::so_far()))?;
            editor.undo();
            Ok((
                edits.into_iter().next().context("an edit has a layer")?.update,
                start.elapsed().as_secs_f64(),
            ))
        };
        let ((update, first), (_, again)) = (edit()?, edit()?);
        let n_steps = crossings.len() / 2;
        let steps = crossings[..n_steps].windows(2);
        let step_traffic = steps.fold(Traffic::default(), |most, step| Traffic {
            uploads: most.uploads.max(step[1].uploads - step[0].uploads),
            downloads: most.downloads.max(step[1].downloads - step[0].downloads),
        });
        Ok(Self { contexts, texts, logits, update, sums, seconds: [first, again], step_traffic })
    }

    pub(crate) fn compare(&self, reference: &Self, device: &str, model: &'static str) -> Comparison {
        let logits = self.logits.iter().flatten().zip(reference.logits.iter().flatten());
        let logits = logits.map(|(a, b)| f64::from((a - b).abs()));
        let texts = self.texts.iter().zip(&reference.texts).zip(&reference.logits);
        let difference = self.sums.iter().zip(&reference.sums).map(|(a, b)| (a - b).powi(2));
        let size = reference.sums.iter().map(|sum| sum.powi(2));
        Comparison {
            device: device.to_owned(),
            model,
            logits: logits.fold(0.0, f64::max),
            texts: texts.into_iter().all(|((ours, theirs), logits)| same_but_for_ties(ours, theirs, logits)),
            edit: self.update.cosine(&reference.update),
            statistics: (difference.sum::<f64>() / size.sum::<f64>()).sqrt(),
            seconds: self.seconds,
            seconds_on_the_processor: reference.seconds,
            uploads_per_step: self.step_traffic.uploads,
            downloads_per_step: self.step_traffic.downloads,
        }
    }
}

/// Whether two texts are equal, or part at tokens whose logits, `[n_tokens, vocab_size]` over
/// `theirs`, are nearer to each other than devices have to be.
fn same_but_for_ties(ours: &[u32], theirs: &[u32], logits: &[f32]) -> bool {
    let vocab_size = logits.len() / theirs.len();
    match ours.iter().zip(theirs).position(|(a, b)| a != b) {
        None => ours.len() == theirs.len(),
        Some(0) => false,
        Some(place) => {
            let before = &logits[(place - 1) * vocab_size..place * vocab_size];
            let gap = before[theirs[place] as usize] - before[ours[place] as usize];
            f64::from(gap.abs()) <= 2.0 * LOGITS
        }
    }
}

impl Comparison {
    /// Whether the device computes what the processor does.
    pub(crate) fn holds(&self) -> bool {
        // So written that a NaN does not hold.
        self.logits <= LOGITS && self.texts && self.edit >= EDIT && self.statistics <= STATISTICS
    }
}
