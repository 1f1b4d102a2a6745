//! Plots, as SVG.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use rome_stats::Change;

const SIZE: (u32, u32) = (1080, 440);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(60, 60, 67);
const GRID: RGBColor = RGBColor(226, 226, 230);

/// Draws what each doubling of the number of tokens has changed at each layer: C on the left, the
/// directions of edits on the right.
pub(crate) fn convergence(curves: &[(usize, &[Change])]) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let drawn = area.fill(&WHITE).map_err(|error| anyhow!("{error}"));
        drawn?;
        let (left, right) = area.split_horizontally(SIZE.0 / 2 - 40);
        panel(&left, "C", curves, |change| change.second_moment, false)?;
        panel(&right, "directions C⁻¹k", curves, |change| change.direction, true)?;
        area.present().map_err(|error| anyhow!("{error}"))?;
    }
    Ok(svg)
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    what: &str,
    curves: &[(usize, &[Change])],
    value: fn(&Change) -> f32,
    has_legend: bool,
) -> Result<()> {
    draw_panel(area, what, curves, value, has_legend).map_err(|error| anyhow!("cannot draw: {error}"))
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    what: &str,
    curves: &[(usize, &[Change])],
    value: fn(&Change) -> f32,
    has_legend: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|(_, changes)| changes.iter());
    let tokens = decades(points().map(|change| change.tokens as f64));
    let values = decades(points().map(|change| f64::from(value(change))));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("What a doubling of the text changes in {what}"), (FONT, 17, &INK))
        .margin(14)
        .margin_right(if has_legend { 104 } else { 14 })
        .x_label_area_size(44)
        .y_label_area_size(62)
        .build_cartesian_2d(tokens.clone().log_scale(), values.clone().log_scale())?;
    chart
        .configure_mesh()
        .x_desc("tokens")
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|tokens| short(*tokens))
        .y_label_formatter(&|value| format!("{} %", plain(100.0 * value)))
        .label_style((FONT, 13, &INK))
        .axis_desc_style((FONT, 14, &INK))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, (layer, changes)) in curves.iter().enumerate() {
        let colour = colour(index, curves.len());
        let points: Vec<(f64, f64)> =
            changes.iter().map(|change| (change.tokens as f64, f64::from(value(change)))).collect();
        chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        if has_legend {
            legend(area, index, curves.len(), *layer, colour)?;
        }
    }
    Ok(())
}

/// One line of the legend, beside the plot. Of many layers, the first and the last are named.
fn legend(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    index: usize,
    n_curves: usize,
    layer: usize,
    colour: RGBColor,
) -> Result<(), Box<dyn std::error::Error>> {
    const ROOM: usize = 340;
    let (width, _) = area.dim_in_pixel();
    let step = (ROOM / n_curves.max(1)).clamp(1, 22);
    let (x, y) = (width as i32 - 94, (48 + index * step) as i32);
    area.draw(&PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)))?;
    if step >= 14 || index == 0 || index + 1 == n_curves {
        let style = (FONT, 13, &INK).into_text_style(area);
        area.draw_text(&format!("layer {layer}"), &style, (x + 24, y - 6))?;
    }
    Ok(())
}

/// From blue at the first layer to orange at the last.
fn colour(index: usize, n_curves: usize) -> RGBColor {
    const STOPS: [(f64, f64, f64); 4] =
        [(43.0, 80.0, 160.0), (26.0, 145.0, 150.0), (150.0, 170.0, 60.0), (214.0, 106.0, 30.0)];
    let place = index as f64 / (n_curves.max(2) - 1) as f64 * (STOPS.len() - 1) as f64;
    let first = (place as usize).min(STOPS.len() - 2);
    let share = place - first as f64;
    let mix = |a: f64, b: f64| (a + share * (b - a)).round() as u8;
    let (a, b) = (STOPS[first], STOPS[first + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A range around values for a logarithmic axis, a tenth of a decade wider on either side.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    const MARGIN: f64 = 1.26;
    let above_zero = values.filter(|value| *value > 0.0);
    let (low, high) =
        above_zero.fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)));
    match low <= high {
        true => low / MARGIN..high * MARGIN,
        // Nothing to show yet: an empty plot.
        false => 1e-2..1.0,
    }
}

/// A count as an axis has it.
fn short(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{} M", plain(count / 1e6)),
        count if count >= 1e3 => format!("{} k", plain(count / 1e3)),
        count => plain(count),
    }
}

/// A number without zeros that say nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
