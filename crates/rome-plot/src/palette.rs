//! Colours of lines.

use plotters::style::RGBColor;

use crate::colour::mixed;

/// The meaning of the colours of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// The order of the lines, such as that of layers: a ramp. Of many lines, the legend names the first
    /// and the last.
    Ordered,
    /// The identity of a line: colours that are far apart, and the legend names every line.
    Categorical,
}

/// From blue over green to orange: an order that is seen, by people who see no red or green, too.
const ORDERED: [RGBColor; 4] =
    [RGBColor(43, 80, 160), RGBColor(26, 145, 150), RGBColor(150, 170, 60), RGBColor(214, 106, 30)];

/// Blue, orange, green, purple, sky, brown, red, grey: each lighter or darker than its neighbours, for
/// people who see no red or green.
const CATEGORICAL: [RGBColor; 8] = [
    RGBColor(43, 80, 160),
    RGBColor(230, 145, 20),
    RGBColor(20, 130, 90),
    RGBColor(190, 80, 170),
    RGBColor(80, 180, 230),
    RGBColor(120, 72, 30),
    RGBColor(205, 50, 50),
    RGBColor(130, 130, 138),
];

impl Palette {
    /// The colour of a line among this many.
    pub(crate) fn of_line(self, index: usize, n_lines: usize) -> RGBColor {
        match self {
            Palette::Ordered => mixed(&ORDERED, index as f64 / (n_lines.max(2) - 1) as f64),
            Palette::Categorical => {
                // Where there are more, each time darker.
                let shade = 0.55f64.powi((index / CATEGORICAL.len()) as i32);
                let RGBColor(red, green, blue) = CATEGORICAL[index % CATEGORICAL.len()];
                let darker = |part: u8| (f64::from(part) * shade).round() as u8;
                RGBColor(darker(red), darker(green), darker(blue))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_have_colours_that_are_far_apart() {
        let colours: Vec<RGBColor> = (0..8).map(|index| Palette::Categorical.of_line(index, 8)).collect();
        for (n, a) in colours.iter().enumerate() {
            for b in &colours[..n] {
                let apart = a.0.abs_diff(b.0).max(a.1.abs_diff(b.1)).max(a.2.abs_diff(b.2));
                assert!(apart >= 50, "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn more_categories_than_colours_still_differ() {
        let colours: std::collections::HashSet<(u8, u8, u8)> = (0..16)
            .map(|index| Palette::Categorical.of_line(index, 16))
            .map(|colour| (colour.0, colour.1, colour.2))
            .collect();
        assert_eq!(colours.len(), 16);
    }

    #[test]
    fn an_order_goes_from_the_first_colour_to_the_last() {
        assert_eq!(Palette::Ordered.of_line(0, 5), ORDERED[0]);
        assert_eq!(Palette::Ordered.of_line(4, 5), ORDERED[3]);
        assert_eq!(Palette::Ordered.of_line(0, 1), ORDERED[0]);
    }
}
