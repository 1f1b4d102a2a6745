//! Pictures as SVG and PNG, which need nothing of the machine that draws them.
//!
//! A [`Figure`] is one or more [`Panel`]s side by side, each with the same lines in the same colours.
//! A [`HeatMap`] has a cell for each pair of a row and a column, such as a token and a layer.
//! A [`ShiftChart`] has a row for each probability, with a mark before and after a change.
//! [`beside`] puts pictures side by side. [`outlined`] and [`to_png`] bring the font along.

mod beside;
mod canvas;
mod colour;
mod error;
mod figure;
mod heat_map;
mod heat_map_svg;
mod label;
mod layout;
mod legend;
mod palette;
mod picture;
mod ramp;
mod shift_chart;
mod text;
mod ticks;

pub use beside::beside;
pub use error::PlotError;
pub use figure::{Axis, Figure, Line, Panel, Scale};
pub use heat_map::HeatMap;
pub use palette::Palette;
pub use picture::{outlined, to_png};
pub use ramp::Ramp;
pub use shift_chart::{Shift, ShiftChart, ShiftGroup};
