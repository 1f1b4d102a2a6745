//! Colours that are shared.

use plotters::style::RGBColor;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(60, 60, 67);
pub(crate) const GRID: RGBColor = RGBColor(226, 226, 230);

/// The colour at a place from 0 to 1 along some that are equally far apart; what is beyond has that of
/// the end.
pub(crate) fn mixed(stops: &[RGBColor], place: f64) -> RGBColor {
    let place = place.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let first = (place as usize).min(stops.len() - 2);
    let share = place - first as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (stops[first], stops[first + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
