//! Why there is no picture.

use thiserror::Error;

/// Why there is no picture.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The drawing library gives up.
    #[error("the picture cannot be drawn: {0}")]
    Drawing(String),
    /// The rows of a heat map are not as many as their labels.
    #[error("the heat map has {labels} labels for {rows} rows")]
    Labels {
        /// How many labels there are.
        labels: usize,
        /// How many rows of values there are.
        rows: usize,
    },
    /// The rows of a heat map are not equally long.
    #[error("row {row} of the heat map has {found} values and the first row {expected}")]
    Ragged {
        /// The row, counted from 0.
        row: usize,
        /// How long it is.
        found: usize,
        /// How long the first one is.
        expected: usize,
    },
    /// The colours of a heat map are for no numbers.
    #[error("the colours cannot go from {0} to {1}")]
    Range(f64, f64),
    /// A text is no SVG.
    #[error("the picture cannot be read as SVG: {0}")]
    Svg(String),
    /// A picture has too many pixels, or none.
    #[error("a picture cannot have {width} by {height} pixels")]
    Size {
        /// How wide it would be.
        width: f32,
        /// How high it would be.
        height: f32,
    },
    /// Pixels cannot be packed.
    #[error("the picture cannot be written as PNG: {0}")]
    Png(String),
}

impl PlotError {
    /// Says what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Size { .. } => "draw less, or at a smaller scale",
            _ => "this is a fault of rome: please report it",
        }
    }
}
