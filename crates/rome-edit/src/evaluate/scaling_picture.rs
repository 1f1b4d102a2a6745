//! The picture of methods against the number of facts.

use rome_eval::Estimate;
use rome_plot::{Axis, Figure, Line, Palette, Panel, PlotError, Scale};

use super::together_outcome::TogetherPoint;

/// The measures that have a panel, and what they say.
const SCORES: [(&str, &str); 3] =
    [("ES", "the fact itself"), ("PS", "in other words"), ("NS", "other subjects stay")];

/// Draws scores and perplexity against the number of facts, a line for each method, as SVG.
pub(super) fn draw(points: &[TogetherPoint]) -> Result<String, PlotError> {
    let mut names: Vec<String> = points.iter().map(label).collect();
    names.dedup();
    let lines = |value: &dyn Fn(&TogetherPoint) -> Option<Estimate>, most: f64| {
        let line = |name: &String| {
            let of_line = points.iter().filter(|point| label(point) == *name);
            let at = |point: &TogetherPoint| {
                let Estimate { mean, ci95 } = value(point)?;
                Some(((point.n as f64, mean), (mean - ci95, (mean + ci95).min(most))))
            };
            let (points, band): (Vec<_>, Vec<_>) = of_line.filter_map(at).unzip();
            let band = if band.iter().all(|(low, high)| low == high) { Vec::new() } else { band };
            Line { name: name.clone(), points, band }
        };
        names.iter().map(line).collect::<Vec<_>>()
    };
    let axis =
        |name: &str, scale: Scale, format: fn(f64) -> String| Axis { name: name.to_owned(), scale, format };
    let counts = || axis("facts on the model", Scale::Log, |value| format!("{value}"));
    let mut panels: Vec<Panel> = SCORES
        .into_iter()
        .map(|(measure, meaning)| Panel {
            title: format!("{measure}: {meaning}"),
            x: counts(),
            y: axis("score, with 95 % intervals", Scale::Linear, |value| format!("{value:.0}")),
            lines: lines(&|point| point.summary.post(measure), 100.0),
        })
        .collect();
    panels.push(Panel {
        title: "perplexity of text".to_owned(),
        x: counts(),
        y: axis("times that before", Scale::Log, |value| format!("{value}")),
        lines: lines(
            &|point| {
                let exact = Estimate { mean: point.perplexity, ci95: 0.0 };
                point.perplexity.is_finite().then_some(exact)
            },
            f64::INFINITY,
        ),
    });
    Figure { panels }.to_svg_with(Palette::Categorical)
}

/// The name of a method, with its batches.
fn label(point: &TogetherPoint) -> String {
    match point.batch {
        Some(batch) => format!("{}, by {batch}", point.method),
        None => point.method.clone(),
    }
}
