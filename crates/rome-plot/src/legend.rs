//! The names of lines beside their panels.

use plotters::prelude::*;

use crate::Palette;
use crate::canvas::{Area, DrawResult};
use crate::label::Label;
use crate::text::At;

const FONT_SIZE: i32 = 16;
/// The height of the first line.
const TOP: u32 = 50;
/// The left end of names, to the right of a piece of their line.
const LEFT: u32 = 26;
const MARGIN: u32 = 14;
/// Names that are closer touch one another.
const NAMED_STEP: u32 = 14;

/// Names with the colours of their lines.
pub(crate) struct Legend {
    /// The room it takes.
    pub(crate) size: (u32, u32),
    names: Vec<Label>,
    palette: Palette,
    /// From a line to the next one.
    step: u32,
}

impl Legend {
    /// A legend as wide as its names need. It is higher than the panels beside it where every line must be
    /// named.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>, palette: Palette, height: u32) -> Self {
        const LEAST_WIDTH: u32 = 110;
        const MOST_OF_NAME: i32 = 260;
        const MOST_STEP: u32 = 22;
        let names: Vec<Label> = names.map(|name| Label::new(name, FONT_SIZE, MOST_OF_NAME)).collect();
        let n_lines = names.len().max(1) as u32;
        let least = if palette == Palette::Categorical { NAMED_STEP } else { 1 };
        let step = (height.saturating_sub(2 * TOP) / n_lines).clamp(least, MOST_STEP);
        let widest = names.iter().map(|name| name.width).max().unwrap_or(0);
        let width = (LEFT + widest as u32 + MARGIN).max(LEAST_WIDTH);
        Self { size: (width, 2 * TOP + n_lines * step), names, palette, step }
    }

    /// Of many ordered lines, only the first and the last are named: their colours say the order.
    pub(crate) fn draw(&self, area: &Area<'_>) -> DrawResult {
        for (index, name) in self.names.iter().enumerate() {
            let y = (TOP + index as u32 * self.step) as i32;
            let colour = self.palette.of_line(index, self.names.len());
            area.draw(&PathElement::new([(2, y), (20, y)], colour.stroke_width(3)))?;
            if self.step >= NAMED_STEP || index == 0 || index + 1 == self.names.len() {
                name.write(area, At::Left, (LEFT as i32, y))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_is_as_wide_as_its_names_need() {
        let width = |name: &str| Legend::new([name, "a"].into_iter(), Palette::Categorical, 440).size.0;
        assert_eq!(width("short"), 110);
        assert!((170..200).contains(&width("first subsequent token")), "{}", width("first subsequent token"));
        assert!(width(&"W".repeat(500)) <= 300);
    }

    #[test]
    fn a_legend_is_as_high_as_all_names_of_categories_need() {
        let names = vec!["name"; 60];
        let height = |palette| Legend::new(names.iter().copied(), palette, 440).size.1;
        assert!(height(Palette::Ordered) <= 440);
        assert_eq!(height(Palette::Categorical), 2 * TOP + 60 * NAMED_STEP);
    }
}
