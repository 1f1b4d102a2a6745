//! Pictures as SVG, which need nothing of the machine that draws them.
//!
//! A [`Figure`] is one or more [`Panel`]s side by side, each with the same lines in the same colours.

mod colour;
mod figure;

pub use figure::{Axis, Figure, Line, Panel, PlotError, Scale};
