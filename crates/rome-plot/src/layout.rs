//! The layout of a heat map.

use plotters::prelude::*;

use crate::canvas::{Area, DrawResult};
use crate::colour::{GRID, INK};
use crate::label::Label;
use crate::text::{self, At};
use crate::{HeatMap, PlotError, ticks};

const TITLE_SIZE: i32 = 18;
const FONT_SIZE: i32 = 16;
const TICK_SIZE: i32 = 15;

const MARGIN: i32 = 14;
const TITLE_HEIGHT: i32 = 30;
const CELL_HEIGHT: i32 = 22;
const BAR_WIDTH: i32 = 14;
/// From the cells to the bar.
const BAR_GAP: i32 = 18;
const TICK: i32 = 4;
/// From a tick, or the cells, to the text beside it.
const TEXT_GAP: i32 = 5;
/// The colour where there is no number.
const HATCH: RGBColor = RGBColor(165, 165, 172);
/// The lines of text below the cells, by their middles.
const NUMBERS: i32 = 15;
const NAME: i32 = 36;

/// The place of every part of a heat map.
pub(crate) struct Layout<'a> {
    map: &'a HeatMap,
    pub(crate) size: (i32, i32),
    /// The upper left corner of the cells.
    corner: (i32, i32),
    /// The size of all cells.
    cells: (i32, i32),
    cell_width: i32,
    n_columns: usize,
    range: (f64, f64),
    ticks: Vec<(f64, Label)>,
    title: Label,
    x_name: Label,
    bar: Label,
    labels: Vec<Label>,
}

impl<'a> Layout<'a> {
    /// Makes room for all of it.
    ///
    /// # Errors
    /// Those of [`HeatMap::to_svg`].
    pub(crate) fn new(map: &'a HeatMap) -> Result<Self, PlotError> {
        const MOST_OF_LABEL: i32 = 220;
        const MOST_OF_BAR: i32 = 160;
        const MOST_OF_TITLE: i32 = 640;
        /// The width of all cells together where they are of a comfortable size.
        const WIDTH: i32 = 320;
        /// One line of numbers and some air.
        const TICK_ROOM: i32 = 24;

        let (n_columns, range) = (map.n_columns()?, map.range()?);
        let cell_width = (WIDTH / n_columns.max(1) as i32).clamp(8, 36);
        // Something is seen of a map without cells, too.
        let cells = (
            (n_columns as i32 * cell_width).max(2 * CELL_HEIGHT),
            (map.rows.len() as i32 * CELL_HEIGHT).max(CELL_HEIGHT),
        );
        let ticks: Vec<(f64, Label)> = ticks::linear(range.0, range.1, (cells.1 / TICK_ROOM + 1) as usize)
            .into_iter()
            .map(|(value, name)| (value, Label::new(&name, TICK_SIZE, MOST_OF_BAR)))
            .collect();
        let labels: Vec<Label> =
            map.rows.iter().map(|label| Label::new(label, FONT_SIZE, MOST_OF_LABEL)).collect();
        let title = Label::new(&map.title, TITLE_SIZE, MOST_OF_TITLE);
        let x_name = Label::new(&map.x_name, FONT_SIZE, MOST_OF_TITLE);
        let bar = Label::new(&map.bar, FONT_SIZE, MOST_OF_BAR);

        let widest_label = labels.iter().map(|label| label.width).max().unwrap_or(0);
        let widest_tick = ticks.iter().map(|(_, name)| name.width).max().unwrap_or(0);
        let left = MARGIN + widest_label + TEXT_GAP;
        let beside = (BAR_WIDTH + TICK + TEXT_GAP + widest_tick).max(bar.width);
        let needed = left + cells.0 + BAR_GAP + beside + MARGIN;
        let width = needed.max(title.width.max(x_name.width) + 2 * MARGIN);
        Ok(Self {
            map,
            size: (width, MARGIN + TITLE_HEIGHT + cells.1 + NAME + TEXT_GAP + MARGIN),
            corner: (left + (width - needed) / 2, MARGIN + TITLE_HEIGHT),
            cells,
            cell_width,
            n_columns,
            range,
            ticks,
            title,
            x_name,
            bar,
            labels,
        })
    }

    /// Draws it.
    pub(crate) fn draw(&self, area: &Area<'_>) -> DrawResult {
        /// So many columns are all numbered.
        const ALL: usize = 12;
        let (x, y) = self.corner;
        let (right, bottom) = (x + self.cells.0, y + self.cells.1);
        let edges = (MARGIN, self.size.0 - MARGIN);
        let middle = x + self.cells.0 / 2;
        self.title.write_between(area, edges, (middle, MARGIN + TITLE_HEIGHT / 3))?;
        self.x_name.write_between(area, edges, (middle, bottom + NAME))?;

        self.draw_cells(area, (x, y))?;
        area.draw(&Rectangle::new([(x, y), (right, bottom)], INK))?;
        for (label, row) in self.labels.iter().zip(0..) {
            let y = y + row * CELL_HEIGHT + CELL_HEIGHT / 2;
            label.write(area, At::Right, (x - TEXT_GAP, y))?;
        }
        let step = if self.n_columns <= ALL { 1 } else { 5 };
        for column in (0..self.n_columns).step_by(step) {
            let x = x + column as i32 * self.cell_width + self.cell_width / 2;
            area.draw(&PathElement::new([(x, bottom), (x, bottom + TICK)], INK))?;
            text::write(area, &column.to_string(), TICK_SIZE, At::Middle, (x, bottom + NUMBERS))?;
        }
        self.draw_bar(area, (right + BAR_GAP, y))?;
        // As far to the left as it goes without the numbers of columns.
        let edges = (right + BAR_GAP / 2, edges.1);
        self.bar.write_between(area, edges, (right + BAR_GAP + BAR_WIDTH / 2, bottom + NUMBERS))
    }

    fn draw_cells(&self, area: &Area<'_>, (x, y): (i32, i32)) -> DrawResult {
        let end = (x + self.cells.0, y + self.cells.1);
        for (row, values) in (0..).zip(&self.map.values) {
            for (column, &value) in (0..).zip(values) {
                let (x, y) = (x + column * self.cell_width, y + row * CELL_HEIGHT);
                let corner = (x + self.cell_width, y + CELL_HEIGHT);
                if value.is_nan() {
                    area.draw(&Rectangle::new([(x, y), corner], GRID.filled()))?;
                    area.draw(&PathElement::new([(x, corner.1), (corner.0, y)], HATCH))?;
                    continue;
                }
                // The next ones are drawn over a pixel of it: no white is seen between them when the
                // picture is scaled.
                let over = ((corner.0 + 1).min(end.0), (corner.1 + 1).min(end.1));
                area.draw(&Rectangle::new([(x, y), over], self.colour(value).filled()))?;
            }
        }
        Ok(())
    }

    fn draw_bar(&self, area: &Area<'_>, (x, y): (i32, i32)) -> DrawResult {
        const MOST_STEPS: i32 = 128;
        let (right, height) = (x + BAR_WIDTH, self.cells.1);
        // Each is drawn over the lower part of those before it, from top to bottom.
        let n_steps = height.min(MOST_STEPS);
        for step in 0..n_steps {
            let colour = self.map.ramp.at(1.0 - f64::from(step) / f64::from(n_steps - 1));
            let top = y + step * height / n_steps;
            area.draw(&Rectangle::new([(x, top), (right, y + height)], colour.filled()))?;
        }
        area.draw(&Rectangle::new([(x, y), (right, y + height)], INK))?;
        for (value, name) in &self.ticks {
            let y = y + height - (self.place(*value) * f64::from(height)).round() as i32;
            area.draw(&PathElement::new([(right, y), (right + TICK, y)], INK))?;
            name.write(area, At::Left, (right + TICK + TEXT_GAP, y))?;
        }
        Ok(())
    }

    fn colour(&self, value: f64) -> RGBColor {
        self.map.ramp.at(self.place(value))
    }

    /// The place of a value from the first colour to the last, by halves so that no difference is too large.
    fn place(&self, value: f64) -> f64 {
        let (low, high) = (self.range.0 / 2.0, self.range.1 / 2.0);
        ((value / 2.0 - low) / (high - low)).clamp(0.0, 1.0)
    }
}
