//! Our edits against values that the original computed and that are kept in this repository.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Context as _, Result};
use fixtures::{MODELS, Reference, ReferenceCase, cosine, norm};
use rome_core::method::rome::{LayerEdit, LayerProblem};
use rome_core::{
    Capture, CholeskyFactor, Context, HyperParams, KlPrompt, Request, RomeConfig, SecondMoment,
    TokenizedRequest,
};
use rome_models::Pretrained;
use rome_stats::{Collector, Corpus, npz};
use serde::Serialize;
use serde_json::json;

use crate::report::Report;

/// The lowest cosine between an update and theirs: the effect of f32 sums in another order over 20 steps of
/// Adam, with a margin of a hundred.
const CLOSE: f64 = 0.9999;

/// The figures that zkl-knowedit-rome published of itself against the original, in the order of [`Five`].
const PREDECESSOR: [f64; 5] = [0.949, 0.766, 0.877, 0.969, 0.850];

/// The cosines that the predecessor judged itself by.
#[derive(Debug, Clone, Copy, Serialize)]
struct Five {
    /// C over the same documents.
    c_sim: f64,
    /// Its inverse.
    c_inv_sim: f64,
    left_sim: f64,
    right_sim: f64,
    w_delta_sim: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    model: &'static str,
    case: String,
    layer: usize,
    #[serde(flatten)]
    five: Five,
    /// The mean key.
    key_mean_sim: f64,
    target_init_sim: f64,
    /// The norm of the update over theirs.
    norm_ratio: f64,
    /// The greatest difference of a total loss, relative to theirs.
    loss_difference: f64,
    steps_equal: bool,
    lookup_idxs_equal: bool,
}

impl Five {
    fn to_array(self) -> [f64; 5] {
        [self.c_sim, self.c_inv_sim, self.left_sim, self.right_sim, self.w_delta_sim]
    }
}

pub(crate) fn run() -> Result<Report> {
    let mut rows = Vec::new();
    for model in MODELS {
        rows.extend(compare(model).with_context(|| format!("failed to compare {model}"))?);
    }
    let worst = (0..5).map(|i| rows.iter().map(|row| row.five.to_array()[i]).fold(1.0, f64::min));
    let worst: Vec<f64> = worst.collect();

    let header = [
        "model",
        "case",
        "layer",
        "c_sim",
        "c_inv_sim",
        "left_sim",
        "right_sim",
        "w_delta_sim",
        "mean key",
        "target_init",
        "loss",
        "lookup",
    ];
    let mut table = vec![header.map(str::to_owned).to_vec()];
    for row in &rows {
        let mut cells = vec![row.model.to_owned(), row.case.clone(), row.layer.to_string()];
        cells
            .extend(row.five.to_array().into_iter().chain([row.key_mean_sim, row.target_init_sim]).map(show));
        cells.push(format!("{:.0e}", row.loss_difference));
        cells.push(if row.lookup_idxs_equal { "same" } else { "differ" }.to_owned());
        table.push(cells);
    }
    let name = |first: &str| vec![first.to_owned(), String::new(), String::new()];
    table.push([name("worst"), worst.iter().copied().map(show).collect()].concat());
    table.push([name("zkl-knowedit-rome"), PREDECESSOR.map(|value| format!("{value:.3}")).to_vec()].concat());

    let faults = rows
        .iter()
        .filter(|row| row.five.w_delta_sim < CLOSE || !row.lookup_idxs_equal || !row.steps_equal)
        .map(|row| format!("{} {} is not the original's edit", row.model, row.case))
        .collect();
    let notes = vec![
        format!("{} edits by kmeng01/rome, of the bundled models; cosines with its values.", rows.len()),
        "loss: the greatest difference of a step's total loss, relative. C: over the same documents; \
         the edits are computed with the original's C. The last line is what zkl-knowedit-rome \
         publishes of itself."
            .to_owned(),
    ];
    let json = json!({ "cases": rows, "worst": worst, "predecessor": PREDECESSOR });
    Ok(Report { json, tables: vec![table], notes, faults })
}

fn compare(name: &'static str) -> Result<Vec<Row>> {
    let folder = fixtures::model_folder(name);
    let pretrained = Pretrained::load(&folder.display().to_string(), &fixtures::device())?;
    let reference = Reference::load(name);
    let hparams: HyperParams = serde_json::from_value(reference.hparams.clone())?;
    let published = hparams.config(|layer| pretrained.model.weight_name(layer))?;
    let contexts: Vec<Context> = reference.context_templates.iter().cloned().map(Context::Template).collect();

    let layers: Vec<usize> = reference.cases.iter().map(|case| case.layer).collect();
    let statistics = statistics(name, &pretrained, &layers)?;
    let mut rows = Vec::new();
    for case in &reference.cases {
        eprintln!("{name} {}", case.name);
        let (factor, c_sim, c_inv_sim) = &statistics[&case.layer];
        let request = Request::text(&case.prompt, &case.subject, &case.target_new);
        let kl_prompts = [KlPrompt::essence()];
        let (tokens, model) = (&pretrained.tokenizer, pretrained.model.as_ref());
        let edit_rows = TokenizedRequest::new(&request, &contexts, &kl_prompts, tokens, model.shape())?;
        let config = RomeConfig { layers: vec![case.layer], ..published.clone() };
        let capture = Capture::new(model, &edit_rows, case.layer);
        let edit = LayerProblem { model, request: &edit_rows, layer: case.layer, config: &config, factor }
            .solve(&mut ())?;
        let pair = EditPair { reference: &reference, case, rows: &edit_rows, capture: &capture, edit: &edit };
        rows.push(pair.row(name, [*c_sim, *c_inv_sim]));
    }
    Ok(rows)
}

/// An edit of ours beside the original's.
struct EditPair<'a> {
    reference: &'a Reference,
    case: &'a ReferenceCase,
    rows: &'a TokenizedRequest,
    capture: &'a Capture,
    edit: &'a LayerEdit,
}

impl EditPair<'_> {
    fn row(&self, model: &'static str, [c_sim, c_inv_sim]: [f64; 2]) -> Row {
        let Self { reference, case, rows, capture, edit } = *self;
        let theirs = |name| reference.tensor(case, name);
        let left_sim = cosine(&edit.update.left, theirs("left"));
        let right_sim = cosine(&edit.update.right, theirs("right"));
        let captured = &capture.requests[0];
        let n_keys = captured.keys.len() as f32;
        let key_mean: Vec<f32> = (0..captured.clean_key.len())
            .map(|i| captured.keys.iter().map(|key| key[i]).sum::<f32>() / n_keys)
            .collect();
        let differences = edit
            .losses
            .iter()
            .zip(&case.losses)
            .map(|(ours, theirs)| (ours.total - theirs[0]).abs() / theirs[0]);
        Row {
            model,
            case: case.name.clone(),
            layer: case.layer,
            // The cosine of two outer products is the product of the cosines.
            five: Five { c_sim, c_inv_sim, left_sim, right_sim, w_delta_sim: left_sim * right_sim },
            key_mean_sim: cosine(&key_mean, theirs("key_mean")),
            target_init_sim: cosine(&captured.clean_value, theirs("target_init")),
            norm_ratio: edit.update.norm() / (norm(theirs("left")) * norm(theirs("right"))),
            loss_difference: differences.fold(0.0, f64::max),
            steps_equal: edit.losses.len() == case.losses.len(),
            lookup_idxs_equal: rows.lookups() == case.lookup_idxs,
        }
    }
}

/// The factor of the original's C at each layer, and the cosines of our C and its inverse with
/// the original's.
fn statistics(
    name: &str,
    pretrained: &Pretrained,
    layers: &[usize],
) -> Result<BTreeMap<usize, (CholeskyFactor, f64, f64)>> {
    let mut layers = layers.to_vec();
    layers.sort_unstable();
    layers.dedup();
    eprintln!("{name} collecting C at layers {layers:?}");
    // The original's corpus cuts documents at the context length, as the collector does.
    let mut collector = Collector::new(pretrained.model.as_ref(), &pretrained.tokenizer, &layers)?;
    let corpus = Corpus::new(vec![fixtures::path("goldens/documents.txt")], "text")?;
    corpus.for_each(&mut |document| collector.add(document.text).map(ControlFlow::Continue))?;
    let ours = collector.finish(&pretrained.hash)?;
    ours.into_iter()
        .map(|(layer, ours)| {
            let theirs = npz::read(std::fs::File::open(fixtures::npz(name, layer))?)?.moment;
            let factor = CholeskyFactor::new(&theirs)?;
            let c_sim = cosine(&mean(&ours.moment), &mean(&theirs));
            let c_inv_sim = cosine(&inverse(&CholeskyFactor::new(&ours.moment)?), &inverse(&factor));
            Ok((layer, (factor, c_sim, c_inv_sim)))
        })
        .collect()
}

fn mean(moment: &SecondMoment) -> Vec<f32> {
    let count = moment.count() as f64;
    moment.sum().iter().map(|sum| (sum / count) as f32).collect()
}

fn inverse(factor: &CholeskyFactor) -> Vec<f32> {
    let unit = |i: usize| (0..factor.d_ff()).map(|j| f64::from(i == j)).collect::<Vec<f64>>();
    (0..factor.d_ff()).flat_map(|i| factor.solve(&unit(i))).map(|value| value as f32).collect()
}

fn show(cosine: f64) -> String {
    format!("{cosine:.6}")
}
