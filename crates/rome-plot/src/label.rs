//! Texts that fit.

use crate::canvas::{Area, DrawResult};
use crate::text::{self, At};

/// A text of which it is known how wide it is.
pub(crate) struct Label {
    pub(crate) width: i32,
    text: String,
    size: i32,
}

impl Label {
    /// A text of a size, shortened to the room there is.
    pub(crate) fn new(text: &str, size: i32, room: i32) -> Self {
        let text = text::shortened(text, size, room);
        Self { width: text::width(&text, size), text, size }
    }

    /// Writes it at a point.
    pub(crate) fn write(&self, area: &Area<'_>, at: At, point: (i32, i32)) -> DrawResult {
        text::write(area, &self.text, self.size, at, point)
    }

    /// Writes it around a point, or as close to that as it goes between two edges.
    pub(crate) fn write_between(&self, area: &Area<'_>, edges: (i32, i32), point: (i32, i32)) -> DrawResult {
        let half = (self.width + 1) / 2;
        let x = point.0.min(edges.1 - half).max(edges.0 + half);
        self.write(area, At::Middle, (x, point.1))
    }
}
