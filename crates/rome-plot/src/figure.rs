//! Lines over a common axis.

use std::ops::Range;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::canvas::{self, Area, DrawResult, FONT};
use crate::colour::{GRID, INK};
use crate::legend::Legend;
use crate::{Palette, PlotError, text, ticks};

const PANEL: (u32, u32) = (520, 440);

/// Panels side by side, and beside them the names of their lines.
#[derive(Debug, Clone)]
pub struct Figure {
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The title.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// The same ones in each panel of a figure.
    pub lines: Vec<Line>,
}

/// An axis: its name, its scale and the format of its values.
#[derive(Debug, Clone)]
pub struct Axis {
    /// The name of its values; empty where the title says so.
    pub name: String,
    /// The spacing of its values.
    pub scale: Scale,
    /// The format of a value.
    pub format: fn(f64) -> String,
}

/// The spacing of values.
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
    /// The name in the legend.
    pub name: String,
    /// In order of `x`; those that have no place on the axes are left out.
    pub points: Vec<(f64, f64)>,
    /// From where to where the values at each point are, such as an interval of confidence; empty for
    /// none.
    pub band: Vec<(f64, f64)>,
}

impl Figure {
    /// Draws it, with colours that say the order of the lines.
    ///
    /// # Errors
    /// [`PlotError::Drawing`] when the drawing library gives up.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        self.to_svg_with(Palette::Ordered)
    }

    /// Draws it, with colours that say what a palette says.
    ///
    /// # Errors
    /// [`PlotError::Drawing`] when the drawing library gives up.
    pub fn to_svg_with(&self, palette: Palette) -> Result<String, PlotError> {
        let width = PANEL.0 * self.panels.len() as u32;
        let names = self.panels.first().map_or(&[][..], |panel| &panel.lines);
        let legend = Legend::new(names.iter().map(|line| line.name.as_str()), palette, PANEL.1);
        canvas::svg((width + legend.size.0, PANEL.1.max(legend.size.1)), |area| {
            let (panels, beside) = area.split_horizontally(width);
            for (panel, area) in self.panels.iter().zip(panels.split_evenly((1, self.panels.len()))) {
                panel.draw(&area, palette)?;
            }
            legend.draw(&beside)
        })
    }
}

impl Panel {
    fn draw(&self, area: &Area<'_>, palette: Palette) -> DrawResult {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let bands = self.lines.iter().flat_map(|line| &line.band).flat_map(|&(low, high)| [low, high]);
        let (x, y) = (
            self.x.range(points().map(|point| point.0)),
            self.y.range(points().map(|point| point.1).chain(bands)),
        );
        let bottom = y.start;
        // The library has a type for each kind of axis.
        let log = |range: Range<f64>| {
            let ticks = ticks::logarithmic(&range);
            range.log_scale().with_key_points(ticks)
        };
        match (self.x.scale, self.y.scale) {
            (Scale::Log, Scale::Log) => self.draw_on(area, palette, (log(x), log(y)), bottom),
            (Scale::Log, Scale::Linear) => self.draw_on(area, palette, (log(x), y), bottom),
            (Scale::Linear, Scale::Log) => self.draw_on(area, palette, (x, log(y)), bottom),
            (Scale::Linear, Scale::Linear) => self.draw_on(area, palette, (x, y), bottom),
        }
    }

    fn draw_on<X, Y>(
        &self,
        area: &Area<'_>,
        palette: Palette,
        (x, y): (
            impl AsRangedCoord<CoordDescType = X, Value = f64>,
            impl AsRangedCoord<CoordDescType = Y, Value = f64>,
        ),
        bottom: f64,
    ) -> DrawResult
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .caption(text::visible(&self.title), (FONT, 20, &INK))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(if self.y.name.is_empty() { 56 } else { 70 })
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(text::visible(&self.x.name))
            .y_desc(text::visible(&self.y.name))
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
        let colours = || (0..).map(|index| palette.of_line(index, self.lines.len()));
        // No area covers a line.
        for (line, colour) in self.lines.iter().zip(colours()) {
            for outline in self.bands(line, bottom) {
                chart.draw_series([Polygon::new(outline, colour.mix(0.18))])?;
            }
        }
        for (line, colour) in self.lines.iter().zip(colours()) {
            let points = line.points.iter().copied();
            let points: Vec<_> = points.filter(|&(x, y)| self.x.has(x) && self.y.has(y)).collect();
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        }
        Ok(())
    }

    /// The outlines of a line's band: one for each stretch without gaps. What goes below a logarithmic
    /// axis ends at its bottom.
    fn bands(&self, line: &Line, bottom: f64) -> Vec<Vec<(f64, f64)>> {
        let edges = line.points.iter().zip(&line.band).map(|(&(x, _), &(low, high))| {
            let low = if low <= 0.0 && self.y.scale == Scale::Log { bottom } else { low };
            (x, low, high)
        });
        let has = |&(x, low, high): &(f64, f64, f64)| self.x.has(x) && self.y.has(low) && self.y.has(high);
        let edges: Vec<_> = edges.collect();
        let stretches = edges.chunk_by(|a, b| has(a) == has(b)).filter(|stretch| stretch.iter().all(has));
        let outline = |stretch: &[(f64, f64, f64)]| {
            let (lower, upper) = (stretch.iter(), stretch.iter().rev());
            lower.map(|edge| (edge.0, edge.1)).chain(upper.map(|edge| (edge.0, edge.2))).collect()
        };
        stretches.map(outline).collect()
    }
}

impl Axis {
    /// True if a value has a place on it.
    fn has(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }

    /// A range around values, with a margin.
    fn range(&self, values: impl Iterator<Item = f64>) -> Range<f64> {
        let values = values.filter(|value| self.has(*value));
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
                band: Vec::new(),
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
    fn nothing_to_show_is_an_empty_picture() {
        for scale in [Scale::Log, Scale::Linear] {
            let panel = Panel { title: "A".to_owned(), x: axis(scale), y: axis(scale), lines: Vec::new() };
            assert!(Figure { panels: vec![panel] }.to_svg().unwrap().contains("<svg"));
            let one = Line { name: "one".to_owned(), points: vec![(5.0, 5.0)], band: Vec::new() };
            let panel = Panel { title: "A".to_owned(), x: axis(scale), y: axis(scale), lines: vec![one] };
            assert_eq!(Figure { panels: vec![panel] }.to_svg().unwrap().matches("<circle").count(), 1);
        }
    }

    /// A line over three points, with a band.
    fn banded(name: &str, band: &[(f64, f64)]) -> Line {
        let points = vec![(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)];
        Line { name: name.to_owned(), points, band: band.to_vec() }
    }

    fn drawn(y: Scale, lines: Vec<Line>, palette: Palette) -> String {
        let panel = Panel { title: "A".to_owned(), x: axis(Scale::Linear), y: axis(y), lines };
        Figure { panels: vec![panel] }.to_svg_with(palette).unwrap()
    }

    /// The heights of the corners of bands.
    fn corners(svg: &str) -> Vec<i32> {
        let points = svg.split("<polygon").skip(1).filter_map(|part| part.split('"').nth(5));
        points
            .flat_map(str::split_whitespace)
            .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
            .collect()
    }

    #[test]
    fn a_band_is_an_area_inside_the_axes_and_below_every_line() {
        for scale in [Scale::Linear, Scale::Log] {
            let lines = vec![
                banded("a", &[(1.0, 30.0), (2.0, 4.0), (0.5, 50.0)]),
                banded("b", &[(1.0, 3.0), (2.0, 4.0), (3.0, 5.0)]),
            ];
            let svg = drawn(scale, lines, Palette::Categorical);
            let corners = corners(&svg);
            assert_eq!(corners.len(), 12, "{svg}");
            assert!(corners.iter().all(|y| (0..PANEL.1 as i32 - 46).contains(y)), "{corners:?}");
            // The lines that follow the areas.
            assert!(svg.rfind("<polygon") < svg.find("<circle"), "{svg}");
        }
    }

    #[test]
    fn a_band_ends_at_the_bottom_of_a_logarithmic_axis_and_at_gaps() {
        let svg =
            drawn(Scale::Log, vec![banded("a", &[(-1.0, 3.0), (0.0, 4.0), (1.0, 5.0)])], Palette::Ordered);
        let corners = corners(&svg);
        assert!(corners.len() == 6 && corners[0] == corners[1] && corners[1] > corners[2], "{corners:?}");
        assert!(corners[0] < PANEL.1 as i32 - 46, "{corners:?}");
        let gap = banded("a", &[(1.0, 3.0), (f64::NAN, 4.0), (1.0, 5.0)]);
        assert_eq!(drawn(Scale::Linear, vec![gap], Palette::Ordered).matches("<polygon").count(), 2);
    }

    #[test]
    fn points_without_a_place_on_the_axes_are_left_out() {
        let mut line = banded("a", &[]);
        line.points.extend([(4.0, 0.0), (5.0, f64::NAN), (f64::INFINITY, 1.0)]);
        assert_eq!(drawn(Scale::Log, vec![line], Palette::Ordered).matches("<circle").count(), 3);
    }

    #[test]
    fn every_category_and_the_ends_of_ordered_lines_are_named() {
        let lines: Vec<Line> = (0..40).map(|n| banded(&format!("line {n}."), &[])).collect();
        let named = |palette| {
            let svg = drawn(Scale::Linear, lines.clone(), palette);
            lines.iter().filter(|line| svg.contains(&line.name)).count()
        };
        assert_eq!((named(Palette::Categorical), named(Palette::Ordered)), (40, 2));
    }

    #[test]
    fn hostile_names_make_a_picture() {
        let lines =
            ["<&\"'>", "", "a\nb", "\0\u{1b}", "東京 🗼", &"W".repeat(500)].map(|name| banded(name, &[]));
        let mut panel = Panel {
            title: "\0<".to_owned(),
            x: axis(Scale::Linear),
            y: axis(Scale::Log),
            lines: lines.to_vec(),
        };
        panel.x.name = "\u{ffff}".to_owned();
        let svg = Figure { panels: vec![panel] }.to_svg().unwrap();
        assert!(!crate::outlined(&svg).unwrap().contains("<text"));
        assert!(Figure { panels: Vec::new() }.to_svg().is_ok());
    }
}
