//! The picture of a sweep.

use rome_eval::{Estimate, RunSummary};
use rome_plot::{Axis, Figure, Line, Palette, Panel, PlotError, Scale};

use super::scores::SCORES;
use super::sweep_results::SweepResults;

/// Draws the scores against the values of a setting, as SVG; nothing if these are no numbers, or if there is
/// only one.
pub(super) fn draw(results: &SweepResults) -> Result<Option<String>, PlotError> {
    let points: Option<Vec<(f64, &RunSummary)>> =
        results.points.iter().map(|(point, summary)| Some((point.value?, summary))).collect();
    let Some(points) = points.filter(|points| points.len() > 1) else { return Ok(None) };
    let line = |measure: &str| {
        let at = |(value, summary): &(f64, &RunSummary)| {
            let Estimate { mean, ci95 } = summary.post(measure)?;
            Some(((*value, mean), (mean - ci95, (mean + ci95).min(100.0))))
        };
        let (line, band) = points.iter().filter_map(at).unzip();
        Line { name: measure.to_owned(), points: line, band }
    };
    let panel = Panel {
        title: format!("Edits by {}", results.setting),
        x: Axis {
            name: results.setting.to_owned(),
            scale: Scale::Linear,
            format: |value| format!("{value}"),
        },
        y: Axis {
            name: "score, with 95 % intervals".to_owned(),
            scale: Scale::Linear,
            format: |value| format!("{value:.0}"),
        },
        lines: SCORES.into_iter().map(line).filter(|line| !line.points.is_empty()).collect(),
    };
    Figure { panels: vec![panel] }.to_svg_with(Palette::Categorical).map(Some)
}
