//! Values of pairs, as colours.

use crate::{PlotError, Ramp};

/// A cell for each pair of a row and a column, in the layout of causal traces: tokens downwards, layers to
/// the right.
#[derive(Debug, Clone)]
pub struct HeatMap {
    /// The title.
    pub title: String,
    /// The names of the rows, from top to bottom, such as tokens.
    pub rows: Vec<String>,
    /// The name of the columns, such as layers; they are counted from 0.
    pub x_name: String,
    /// `[rows][columns]`; what is not a number is hatched.
    pub values: Vec<Vec<f64>>,
    /// The name of the values, such as `p( French)`.
    pub bar: String,
    /// The colours from low to high.
    pub ramp: Ramp,
    /// The values of the first and the last colour, in either order; those of `values` without it.
    pub range: Option<(f64, f64)>,
}

impl HeatMap {
    /// The number of columns.
    pub(crate) fn n_columns(&self) -> Result<usize, PlotError> {
        let (labels, rows) = (self.rows.len(), self.values.len());
        if labels != rows {
            return Err(PlotError::Labels { labels, rows });
        }
        let expected = self.values.first().map_or(0, Vec::len);
        match self.values.iter().map(Vec::len).enumerate().find(|(_, found)| *found != expected) {
            Some((row, found)) => Err(PlotError::Ragged { row, found, expected }),
            None => Ok(expected),
        }
    }

    /// The values of the first and the last colour, which differ.
    pub(crate) fn range(&self) -> Result<(f64, f64), PlotError> {
        let (low, high) = match self.range {
            Some((a, b)) if a.is_finite() && b.is_finite() => (a.min(b), a.max(b)),
            Some((a, b)) => return Err(PlotError::Range(a, b)),
            None => {
                let values = self.values.iter().flatten().copied().filter(|value| value.is_finite());
                let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
                let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
                if low <= high { (low, high) } else { (0.0, 1.0) }
            }
        };
        // Some room above a single value.
        let room = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
        Ok(if low < high { (low, high) } else { (low, low + room) })
    }
}
