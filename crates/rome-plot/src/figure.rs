//! Lines over a common axis.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use thiserror::Error;

use crate::colour::{self, GRID, INK};

const PANEL: (u32, u32) = (520, 440);
const LEGEND_WIDTH: u32 = 110;
const FONT: &str = "sans-serif";

/// Panels side by side, and beside them the names of their lines.
#[derive(Debug, Clone)]
pub struct Figure {
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// The same ones in each panel of a figure.
    pub lines: Vec<Line>,
}

/// What is along an axis.
#[derive(Debug, Clone)]
pub struct Axis {
    /// What its values are; empty where the title says so.
    pub name: String,
    /// How they are spaced.
    pub scale: Scale,
    /// How a value is written.
    pub format: fn(f64) -> String,
}

/// How values are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// By their differences.
    Linear,
    /// By their ratios; values at or below zero have no place.
    Log,
}

/// A line through points.
#[derive(Debug, Clone)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// In order of `x`.
    pub points: Vec<(f64, f64)>,
}

/// Why a picture cannot be drawn.
#[derive(Debug, Error)]
#[error("the figure cannot be drawn: {0}")]
pub struct PlotError(String);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Figure {
    /// Draws it.
    ///
    /// # Errors
    /// [`PlotError`] when the drawing library gives up.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        let size = (PANEL.0 * self.panels.len() as u32 + LEGEND_WIDTH, PANEL.1);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw(&area).map_err(|error| PlotError(error.to_string()))?;
        }
        Ok(svg)
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        area.fill(&WHITE)?;
        let (panels, legend) = area.split_horizontally(PANEL.0 * self.panels.len() as u32);
        for (panel, area) in self.panels.iter().zip(panels.split_evenly((1, self.panels.len()))) {
            panel.draw(&area)?;
        }
        if let Some(panel) = self.panels.first() {
            draw_legend(&legend, &panel.lines)?;
        }
        area.present()?;
        Ok(())
    }
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Drawn {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (x, y) =
            (self.x.range(points().map(|point| point.0)), self.y.range(points().map(|point| point.1)));
        // The library has a type for each kind of axis.
        let log = |range: Range<f64>| {
            let ticks = ticks(&range);
            range.log_scale().with_key_points(ticks)
        };
        match (self.x.scale, self.y.scale) {
            (Scale::Log, Scale::Log) => self.draw_on(area, log(x), log(y)),
            (Scale::Log, Scale::Linear) => self.draw_on(area, log(x), y),
            (Scale::Linear, Scale::Log) => self.draw_on(area, x, log(y)),
            (Scale::Linear, Scale::Linear) => self.draw_on(area, x, y),
        }
    }

    fn draw_on<X, Y>(
        &self,
        area: &Area<'_>,
        x: impl AsRangedCoord<CoordDescType = X, Value = f64>,
        y: impl AsRangedCoord<CoordDescType = Y, Value = f64>,
    ) -> Drawn
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, (FONT, 20, &INK))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(if self.y.name.is_empty() { 56 } else { 70 })
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(&self.x.name)
            .y_desc(&self.y.name)
            .x_labels(7)
            .y_labels(8)
            .x_label_formatter(&|value| (self.x.format)(*value))
            .y_label_formatter(&|value| (self.y.format)(*value))
            .label_style((FONT, 16, &INK))
            .axis_desc_style((FONT, 17, &INK))
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = colour::of_line(index, self.lines.len());
            chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
            chart.draw_series(line.points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        }
        Ok(())
    }
}

/// Of many lines, only the first and the last are named: their colours say the order.
fn draw_legend(area: &Area<'_>, lines: &[Line]) -> Drawn {
    const ROOM: usize = 340;
    const STEPS: Range<usize> = 14..22;
    let step = (ROOM / lines.len().max(1)).clamp(1, STEPS.end);
    let style = (FONT, 16, &INK).into_text_style(area);
    for (index, line) in lines.iter().enumerate() {
        let y = (50 + index * step) as i32;
        let colour = colour::of_line(index, lines.len());
        area.draw(&PathElement::new([(2, y), (20, y)], colour.stroke_width(3)))?;
        if step >= STEPS.start || index == 0 || index + 1 == lines.len() {
            area.draw_text(&line.name, &style, (26, y - 6))?;
        }
    }
    Ok(())
}

impl Axis {
    /// A range around values, with a margin.
    fn range(&self, values: impl Iterator<Item = f64>) -> Range<f64> {
        let values =
            values.filter(|value| value.is_finite() && (self.scale == Scale::Linear || *value > 0.0));
        let least = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), least);
        match (self.scale, low <= high) {
            // A tenth of a decade.
            (Scale::Log, true) => low / 1.26..high * 1.26,
            (Scale::Linear, true) => {
                let margin = (0.05 * (high - low)).max(1e-9 * high.abs()).max(f64::MIN_POSITIVE);
                low - margin..high + margin
            }
            // Nothing to show yet: empty axes.
            (Scale::Log, false) => 1e-2..1.0,
            (Scale::Linear, false) => 0.0..1.0,
        }
    }
}

/// Round values for a logarithmic axis: powers of ten, and what is between if these are few.
fn ticks(range: &Range<f64>) -> Vec<f64> {
    const ENOUGH: usize = 3;
    const FINER: [&[f64]; 3] =
        [&[1.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]];
    let powers = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
    let of = |digits: &[f64]| -> Vec<f64> {
        let values =
            powers.clone().flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        values.filter(|value| range.contains(value)).collect()
    };
    let found = FINER.into_iter().map(of).find(|ticks| ticks.len() >= ENOUGH);
    found.unwrap_or_else(|| of(FINER[FINER.len() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis {
        Axis { name: "tokens".to_owned(), scale, format: |value| format!("{value}") }
    }

    #[test]
    fn every_line_is_drawn_and_named_in_every_kind_of_axes() {
        for (x, y) in [
            (Scale::Log, Scale::Log),
            (Scale::Log, Scale::Linear),
            (Scale::Linear, Scale::Log),
            (Scale::Linear, Scale::Linear),
        ] {
            let lines = ["first & best", "second"].map(|name| Line {
                name: name.to_owned(),
                points: vec![(1.0, 0.5), (10.0, 0.25), (100.0, 0.125)],
            });
            let panel = Panel { title: "A".to_owned(), x: axis(x), y: axis(y), lines: lines.to_vec() };
            let svg = Figure { panels: vec![panel.clone(), panel] }.to_svg().unwrap();
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(svg.contains("first &amp; best") && svg.contains("second"));
            // Three points of two lines in two panels.
            assert_eq!(svg.matches("<circle").count(), 12);
        }
    }

    #[test]
    fn a_logarithmic_axis_has_round_ticks_and_enough_of_them() {
        assert_eq!(ticks(&(8.0..2000.0)), [10.0, 100.0, 1000.0]);
        assert_eq!(ticks(&(9.0..60.0)), [10.0, 20.0, 50.0]);
        let narrow = ticks(&(0.021..0.049));
        assert_eq!(narrow, [0.03, 0.04]);
    }

    #[test]
    fn nothing_to_show_is_an_empty_picture() {
        for scale in [Scale::Log, Scale::Linear] {
            let panel = Panel { title: "A".to_owned(), x: axis(scale), y: axis(scale), lines: Vec::new() };
            assert!(Figure { panels: vec![panel] }.to_svg().unwrap().contains("<svg"));
            let one = Line { name: "one".to_owned(), points: vec![(5.0, 5.0)] };
            let panel = Panel { title: "A".to_owned(), x: axis(scale), y: axis(scale), lines: vec![one] };
            assert_eq!(Figure { panels: vec![panel] }.to_svg().unwrap().matches("<circle").count(), 1);
        }
    }
}
