//! How much text C needs: the quality of edits against the number of tokens.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use fixtures::{EvalRecord, MODELS, Reference};
use rome_core::edit::Answer;
use rome_core::{
    CausalLm, Context, Edit, EditConfig, EditRows, Factor, HyperParams, Preservation, Request, TokenCodec,
};
use rome_models::Pretrained;
use rome_plot::{Axis, Figure, Line, Panel, Scale};
use rome_stats::{Collector, Corpus, Statistics, StatsError};
use serde_json::json;

use crate::report::{self, Format, Report};

/// Tokens for each dimension of a key.
const AMOUNTS: [f64; 8] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 190.0];

/// Edits facts of both bundled models with C over less and more text, and asks the edited models.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only so many facts of each model
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,

    /// Draw the quality against the number of tokens
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// Shares of prompts that come out as they should, in per cent, as `summarize.py` of the original
/// has them: of a record first, then of all.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
struct Quality {
    efficacy: f64,
    paraphrase: f64,
    neighborhood: f64,
}

/// The quality with one C.
#[derive(Debug, serde::Serialize)]
struct Point {
    model: &'static str,
    /// `None` for C = 1.
    tokens: Option<u64>,
    per_dimension: f64,
    quality: Quality,
    score: f64,
    /// What the last doubling of the text changed in the directions of edits.
    direction_change: Option<f32>,
}

impl Quality {
    /// The harmonic mean.
    fn score(self) -> f64 {
        3.0 / (1.0 / self.efficacy + 1.0 / self.paraphrase + 1.0 / self.neighborhood)
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut points = Vec::new();
    for model in MODELS {
        points.extend(measure(model, args.limit)?);
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, draw(&points)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let header = ["model", "tokens", "for each dimension", "S", "ES", "PS", "NS", "C⁻¹k changed by"];
    let mut table = vec![header.map(str::to_owned).to_vec()];
    for Point { model, tokens, per_dimension, quality, score, direction_change } in &points {
        let mut row = vec![(*model).to_owned()];
        row.extend(match tokens {
            Some(tokens) => [tokens.to_string(), format!("{per_dimension:.1}")],
            None => ["none: C = 1".to_owned(), "0".to_owned()],
        });
        row.extend(
            [*score, quality.efficacy, quality.paraphrase, quality.neighborhood].map(|x| format!("{x:.1}")),
        );
        row.push(direction_change.map_or_else(String::new, |change| format!("{:.0} %", 100.0 * change)));
        table.push(row);
    }
    let note = format!("{} facts of each model, edited one at a time at layer 1.", args.limit);
    report::print(
        &Report { json: json!({ "points": points }), tables: vec![table], notes: vec![note], faults: vec![] },
        args.format.form(),
    )
}

fn measure(name: &'static str, limit: usize) -> Result<Vec<Point>> {
    let folder = fixtures::model_folder(name);
    let mut pretrained = Pretrained::load(&folder.display().to_string(), &fixtures::device())?;
    let reference = Reference::load(name);
    let layer = reference.eval.layer;
    let hparams: HyperParams = serde_json::from_value(reference.hparams.clone())?;
    let config = hparams.config(|layer| pretrained.model.weight_name(layer))?;
    let config = EditConfig { layers: vec![layer], ..config };
    let contexts: Vec<Context> = reference.context_templates.into_iter().map(Context::Template).collect();
    let records = &reference.eval.records[..limit.min(reference.eval.records.len())];
    let d_ff = pretrained.model.shape().d_ff;

    let mut points = Vec::new();
    for amount in std::iter::once(None).chain(AMOUNTS.map(Some)) {
        let statistics = match amount {
            Some(amount) => Some(collect(&pretrained, layer, (amount * d_ff as f64) as u64)?),
            None => None,
        };
        let factor = match &statistics {
            Some(statistics) => Factor::new(&statistics.moment)?,
            None => Factor::identity(d_ff),
        };
        eprintln!("{name}: C over {} tokens", statistics.as_ref().map_or(0, |s| s.moment.count()));
        let mut sum = Quality::default();
        for record in records {
            let request = Request::text(&record.prompt, &record.subject, &record.target_new);
            let (model, tokens) = (pretrained.model.as_ref(), &pretrained.tokenizer);
            let rows = EditRows::new(&request, &contexts, &[Preservation::essence()], tokens, model.shape())?;
            let edit = Edit::compute(model, &rows, layer, &config, &factor, &mut |_, _| ())?;
            let original = edit.update.apply(pretrained.model.down_projection_mut(layer))?;
            let quality = ask(pretrained.model.as_ref(), &pretrained.tokenizer, record)?;
            original.restore(pretrained.model.down_projection_mut(layer));
            sum.efficacy += quality.efficacy;
            sum.paraphrase += quality.paraphrase;
            sum.neighborhood += quality.neighborhood;
        }
        let share = 100.0 / records.len() as f64;
        let quality = Quality {
            efficacy: share * sum.efficacy,
            paraphrase: share * sum.paraphrase,
            neighborhood: share * sum.neighborhood,
        };
        let tokens = statistics.as_ref().map(|statistics| statistics.moment.count());
        points.push(Point {
            model: name,
            tokens,
            per_dimension: tokens.unwrap_or(0) as f64 / d_ff as f64,
            quality,
            score: quality.score(),
            direction_change: statistics.and_then(|s| s.changes.last().map(|change| change.direction)),
        });
    }
    Ok(points)
}

/// The second moment over about so many tokens, whole documents.
fn collect(pretrained: &Pretrained, layer: usize, tokens: u64) -> Result<Statistics> {
    let mut collector = Collector::new(pretrained.model.as_ref(), &pretrained.tokenizer, &[layer])?;
    let corpus = Corpus::new(vec![fixtures::path("goldens/documents.txt")], "text")?;
    corpus.for_each(&mut |document| {
        if collector.n_tokens() >= tokens {
            return Ok(ControlFlow::Break(()));
        }
        collector.add(document.text)?;
        Ok::<_, StatsError>(ControlFlow::Continue(()))
    })?;
    let mut collected = collector.finish(&pretrained.hash)?;
    collected.remove(&layer).context("the layer was collected")
}

/// The shares of a record's prompts that come out as they should, from 0 to 1.
fn ask(model: &dyn CausalLm, tokens: &dyn TokenCodec, record: &EvalRecord) -> Result<Quality> {
    let targets =
        [&record.target_new, &record.target_true].map(|target| tokens.encode(&format!(" {target}")));
    let [new, old] = targets;
    let (new, old) = (new?.ids, old?.ids);
    let prefers_new = |prompts: &[String]| -> Result<f64> {
        let mut count = 0;
        for prompt in prompts {
            let prompt = tokens.encode(prompt)?.ids;
            let nll =
                |target: &[u32]| -Answer::of(model, &prompt, target).probability.ln() / target.len() as f64;
            count += u32::from(nll(&new) < nll(&old));
        }
        Ok(f64::from(count) / prompts.len().max(1) as f64)
    };
    Ok(Quality {
        efficacy: prefers_new(&record.rewrite_prompts)?,
        paraphrase: prefers_new(&record.paraphrase_prompts)?,
        neighborhood: 1.0 - prefers_new(&record.neighborhood_prompts)?,
    })
}

fn draw(points: &[Point]) -> Result<String> {
    let panel = |title: &str, value: fn(&Point) -> f64| Panel {
        title: title.to_owned(),
        x: Axis {
            name: "tokens for each dimension of a key".to_owned(),
            scale: Scale::Log,
            format: |value| format!("{value}"),
        },
        y: Axis { name: String::new(), scale: Scale::Linear, format: |value| format!("{value:.1}") },
        lines: MODELS
            .map(|model| Line {
                name: model.to_owned(),
                points: points
                    .iter()
                    .filter(|point| point.model == model && point.tokens.is_some())
                    .map(|point| (point.per_dimension, value(point)))
                    .collect(),
                band: Vec::new(),
            })
            .to_vec(),
    };
    let panels = vec![
        panel("Score S of edits", |point| point.score),
        panel("Neighbours left as they were, NS", |point| point.quality.neighborhood),
    ];
    Ok(Figure { panels }.to_svg()?)
}
