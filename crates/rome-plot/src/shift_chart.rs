//! Probabilities before and after a change.

use plotters::prelude::*;

use crate::canvas::{self, Area, DrawResult};
use crate::colour::{GRID, INK};
use crate::label::Label;
use crate::text::{self, At};
use crate::{Palette, PlotError};

const TITLE_SIZE: i32 = 18;
const FONT_SIZE: i32 = 16;
const TICK_SIZE: i32 = 15;

const MARGIN: i32 = 14;
const TITLE_HEIGHT: i32 = 30;
const ROW_HEIGHT: i32 = 24;
/// Space above the name of each group but the first.
const GROUP_GAP: i32 = 8;
const AXIS_WIDTH: i32 = 260;
/// From the names of the rows to the axis.
const AXIS_GAP: i32 = 16;
const RADIUS: i32 = 5;
/// The lines of text below the rows, by their middles.
const NUMBERS: i32 = 15;
const NAME: i32 = 36;

/// Chart of probabilities before and after a change: a row for each, over one axis from 0 to 100 %.
#[derive(Debug, Clone)]
pub struct ShiftChart {
    /// The title.
    pub title: String,
    /// The groups, from top to bottom.
    pub groups: Vec<ShiftGroup>,
    /// The name of the axis, such as `p(French)`.
    pub x_name: String,
}

/// Rows under one heading.
#[derive(Debug, Clone)]
pub struct ShiftGroup {
    /// The heading.
    pub name: String,
    /// The rows, from top to bottom.
    pub shifts: Vec<Shift>,
}

/// One row: a probability before and after the change.
#[derive(Debug, Clone)]
pub struct Shift {
    /// The name of the row, such as a prompt.
    pub name: String,
    /// The probability before, from 0 to 1; outside of that no mark is drawn.
    pub before: f64,
    /// The probability after, likewise.
    pub after: f64,
}

impl ShiftChart {
    /// Draws the chart: a ring for the probability before, a disc for the one after.
    ///
    /// # Errors
    /// [`PlotError::Drawing`] when the drawing library fails.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        const MAX_NAME: i32 = 340;
        const MAX_TITLE: i32 = 640;
        let title = Label::new(&self.title, TITLE_SIZE, MAX_TITLE);
        let x_name = Label::new(&self.x_name, FONT_SIZE, AXIS_WIDTH);
        let names: Vec<(Label, Vec<Label>)> = self
            .groups
            .iter()
            .map(|group| {
                let rows = group.shifts.iter().map(|shift| Label::new(&shift.name, FONT_SIZE, MAX_NAME));
                (Label::new(&group.name, FONT_SIZE, MAX_NAME), rows.collect())
            })
            .collect();
        let widest = names.iter().flat_map(|(group, rows)| rows.iter().chain([group]));
        let left = MARGIN + widest.map(|name| name.width).max().unwrap_or(0) + AXIS_GAP;
        let n_lines: i32 = self.groups.iter().map(|group| 1 + group.shifts.len() as i32).sum();
        let gaps = GROUP_GAP * (self.groups.len() as i32 - 1).max(0);
        let top = MARGIN + TITLE_HEIGHT;
        let bottom = top + n_lines * ROW_HEIGHT + gaps;
        let width = (left + AXIS_WIDTH + 2 * MARGIN + RADIUS).max(title.width + 2 * MARGIN);
        canvas::svg((width as u32, (bottom + NAME + 2 * MARGIN) as u32), |area| {
            title.write(area, At::Left, (MARGIN, MARGIN + TITLE_HEIGHT / 3))?;
            draw_axis(area, left, (top, bottom))?;
            x_name.write(area, At::Middle, (left + AXIS_WIDTH / 2, bottom + NAME))?;
            let mut y = top + ROW_HEIGHT / 2;
            for (group, (name, rows)) in self.groups.iter().zip(&names) {
                name.write(area, At::Left, (MARGIN, y))?;
                y += ROW_HEIGHT;
                for (shift, name) in group.shifts.iter().zip(rows) {
                    name.write(area, At::Right, (left - AXIS_GAP, y))?;
                    shift.draw(area, left, y)?;
                    y += ROW_HEIGHT;
                }
                y += GROUP_GAP;
            }
            Ok(())
        })
    }
}

impl Shift {
    fn draw(&self, area: &Area<'_>, left: i32, y: i32) -> DrawResult {
        let colour = Palette::Categorical.of_line(0, 1);
        let marks = [self.before, self.after].map(|p| (0.0..=1.0).contains(&p).then(|| (left + place(p), y)));
        area.draw(&PathElement::new([(left, y), (left + AXIS_WIDTH, y)], GRID))?;
        if let [Some(before), Some(after)] = marks {
            area.draw(&PathElement::new([before, after], colour.mix(0.45).stroke_width(3)))?;
        }
        let [before, after] = marks;
        if let Some(point) = after {
            area.draw(&Circle::new(point, RADIUS, colour.filled()))?;
        }
        // On top, so that both are seen where nothing changed.
        if let Some(point) = before {
            area.draw(&Circle::new(point, RADIUS - 1, WHITE.filled()))?;
            area.draw(&Circle::new(point, RADIUS - 1, colour.stroke_width(2)))?;
        }
        Ok(())
    }
}

/// Draws the percentages and a line down from each.
fn draw_axis(area: &Area<'_>, left: i32, (top, bottom): (i32, i32)) -> DrawResult {
    for quarter in 0..=4 {
        let x = left + place(f64::from(quarter) / 4.0);
        area.draw(&PathElement::new([(x, top), (x, bottom)], GRID))?;
        let number = format!("{} %", 25 * quarter);
        text::write(area, &number, TICK_SIZE, At::Middle, (x, bottom + NUMBERS))?;
    }
    area.draw(&PathElement::new([(left, bottom), (left + AXIS_WIDTH, bottom)], INK)).map_err(Into::into)
}

/// The distance of a probability from the left end of the axis.
fn place(probability: f64) -> i32 {
    (probability * f64::from(AXIS_WIDTH)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(shifts: &[(&str, f64, f64)]) -> ShiftChart {
        let shift =
            |&(name, before, after): &(&str, f64, f64)| Shift { name: name.to_owned(), before, after };
        let group = ShiftGroup { name: "Paraphrases".to_owned(), shifts: shifts.iter().map(shift).collect() };
        ShiftChart { title: "One edit".to_owned(), groups: vec![group], x_name: "p(French)".to_owned() }
    }

    #[test]
    fn a_row_has_a_ring_and_a_disc_and_all_texts() {
        let svg = chart(&[("Obama, a native", 0.0, 1.0), ("Obama spoke", 0.25, 0.25)]).to_svg().unwrap();
        for text in ["One edit", "Paraphrases", "Obama, a native", "p(French)", "0 %", "100 %"] {
            assert!(svg.contains(text), "{text}");
        }
        // The disc after, and the white middle and the line of the ring before.
        assert_eq!(svg.matches("<circle").count(), 6);
    }

    #[test]
    fn probabilities_that_are_none_get_no_mark() {
        for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            let svg = chart(&[("a", bad, 1.0)]).to_svg().unwrap();
            assert_eq!(svg.matches("<circle").count(), 1, "{bad}");
        }
    }

    #[test]
    fn an_empty_chart_and_hostile_names_make_a_picture() {
        let long = "W".repeat(500);
        for rows in [&[][..], &[("<&\"'>", 0.1, 0.2), ("\0\u{1b}", 0.1, 0.2), (&long, 0.0, 1.0)]] {
            let svg = chart(rows).to_svg().unwrap();
            assert!(crate::to_png(&svg, 1.0).is_ok());
        }
        let none = ShiftChart { title: String::new(), groups: Vec::new(), x_name: String::new() };
        assert!(none.to_svg().is_ok());
    }
}
