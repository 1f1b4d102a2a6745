//! Measures how much text C needs: the quality of edits against the number of tokens.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use fixtures::{MODELS, Reference};
use rome_core::{CholeskyFactor, Context, Editor, HyperParams, RomeConfig};
use rome_eval::{CounterFact, Evaluation, RunSummary, Summary};
use rome_models::Pretrained;
use rome_plot::{Axis, Figure, Line, Panel, Scale};
use rome_stats::{Collector, Corpus, Statistics, StatsError};
use serde_json::json;

use crate::report::{self, Format, Report};

/// Tokens for each dimension of a key.
const AMOUNTS: [f64; 8] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 190.0];

/// Edits facts of the bundled models with C over less and more text, and asks the edited models.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Use only this many facts of each model
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,

    /// Draw the quality against the number of tokens
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// The quality with one C.
#[derive(Debug, serde::Serialize)]
struct Point {
    model: &'static str,
    /// `None` for C = 1.
    tokens: Option<u64>,
    per_dimension: f64,
    /// `S`, `ES`, `PS`, `NS`, as `summarize.py` of the original has them.
    quality: Summary,
    /// The change in the directions of edits by the last doubling of the text.
    direction_change: Option<f32>,
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
    for Point { model, tokens, per_dimension, quality, direction_change } in &points {
        let mut row = vec![(*model).to_owned()];
        row.extend(match tokens {
            Some(tokens) => [tokens.to_string(), format!("{per_dimension:.1}")],
            None => ["none: C = 1".to_owned(), "0".to_owned()],
        });
        row.extend(["S", "ES", "PS", "NS"].map(|name| format!("{:.1}", quality[name].mean)));
        row.push(direction_change.map_or_else(String::new, |change| format!("{:.0} %", 100.0 * change)));
        table.push(row);
    }
    let note = format!(
        "{} facts of each model, edited one at a time at the layer of the reference values.",
        args.limit
    );
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
    let config = RomeConfig { layers: vec![layer], ..config };
    let contexts: Vec<Context> = reference.context_templates.into_iter().map(Context::Template).collect();
    let records = &reference.eval.records[..limit.min(reference.eval.records.len())];
    let facts: Vec<CounterFact> = records
        .iter()
        .map(|record| serde_json::from_value(record.to_counterfact()))
        .collect::<Result<_, _>>()?;
    let d_ff = pretrained.model.shape().d_ff;

    let tokens = pretrained.tokenizer.clone();
    let mut evaluation = Evaluation::new(&tokens, None);
    let mut points = Vec::new();
    for amount in std::iter::once(None).chain(AMOUNTS.map(Some)) {
        let statistics = match amount {
            Some(amount) => Some(collect(&pretrained, layer, (amount * d_ff as f64) as u64)?),
            None => None,
        };
        let factor = match &statistics {
            Some(statistics) => CholeskyFactor::new(&statistics.moment)?,
            None => CholeskyFactor::identity(d_ff),
        };
        eprintln!("{name}: C over {} tokens", statistics.as_ref().map_or(0, |s| s.moment.count()));
        let mut editor = Editor::new(pretrained.model.as_mut(), &tokens, config.clone())?
            .contexts(contexts.clone())
            .statistics(layer, factor);
        let cases = facts.iter().map(|fact| evaluation.run(&mut editor, fact, &mut ()));
        let RunSummary { post: quality, .. } = RunSummary::of(&cases.collect::<Result<Vec<_>, _>>()?);
        let tokens = statistics.as_ref().map(|statistics| statistics.moment.count());
        points.push(Point {
            model: name,
            tokens,
            per_dimension: tokens.unwrap_or(0) as f64 / d_ff as f64,
            quality,
            direction_change: statistics.and_then(|s| s.convergence.last().map(|last| last.direction)),
        });
    }
    Ok(points)
}

/// The second moment over about this many tokens, whole documents.
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
        panel("Score S of edits", |point| point.quality["S"].mean),
        panel("Neighbours left as they were, NS", |point| point.quality["NS"].mean),
    ];
    Ok(Figure { panels }.to_svg()?)
}
