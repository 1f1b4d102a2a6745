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
        /// The number of labels.
        labels: usize,
        /// The number of rows of values.
        rows: usize,
    },
    /// The rows of a heat map are not equally long.
    #[error("row {row} of the heat map has {found} values and the first row {expected}")]
    Ragged {
        /// The row, counted from 0.
        row: usize,
        /// Its length.
        found: usize,
        /// The length of the first one.
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
        /// The width that it would have.
        width: f32,
        /// The height that it would have.
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
