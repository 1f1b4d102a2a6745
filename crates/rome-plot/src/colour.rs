//! Colours of lines.

use plotters::style::RGBColor;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(60, 60, 67);
pub(crate) const GRID: RGBColor = RGBColor(226, 226, 230);

/// From blue over green to orange: an order that is seen, by people who see no red or green, too.
const STOPS: [(f64, f64, f64); 4] =
    [(43.0, 80.0, 160.0), (26.0, 145.0, 150.0), (150.0, 170.0, 60.0), (214.0, 106.0, 30.0)];

/// The colour of a line among so many.
pub(crate) fn of_line(index: usize, n_lines: usize) -> RGBColor {
    let place = index as f64 / (n_lines.max(2) - 1) as f64 * (STOPS.len() - 1) as f64;
    let first = (place as usize).min(STOPS.len() - 2);
    let share = place - first as f64;
    let mix = |a: f64, b: f64| (a + share * (b - a)).round() as u8;
    let (a, b) = (STOPS[first], STOPS[first + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
