//! The canvas of a picture.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::PlotError;

/// The viewer's own, until a picture is outlined.
pub(crate) const FONT: &str = "sans-serif";

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type DrawResult = Result<(), Box<dyn std::error::Error>>;

/// A picture of a size, on white.
pub(crate) fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> DrawResult) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = || -> DrawResult {
            area.fill(&WHITE)?;
            draw(&area)?;
            Ok(area.present()?)
        };
        drawn().map_err(|error| PlotError::Drawing(error.to_string()))?;
    }
    Ok(svg)
}
