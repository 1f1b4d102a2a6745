//! Tables without lines.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::line;

/// A table: a header and rows, without lines between them.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// Starts with a header.
    pub(crate) fn new<T: Into<comfy_table::Cell>>(header: impl IntoIterator<Item = T>) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.into_iter().map(Into::into).collect::<Vec<comfy_table::Cell>>());
        Self(table)
    }

    /// Adds a row.
    pub(crate) fn row<T: Into<comfy_table::Cell>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.0.add_row(cells.into_iter().map(Into::into).collect::<Vec<comfy_table::Cell>>());
    }

    /// Aligns some columns to the right.
    pub(crate) fn right(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        for column in columns {
            if let Some(column) = self.0.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self
    }

    /// Aligns all columns from `first` on to the right.
    pub(crate) fn right_from(mut self, first: usize) -> Self {
        let n_columns = self.0.column_count();
        self.right(first..n_columns)
    }

    /// Prints the table, each line after `indent` and without blanks at its end.
    pub(crate) fn print(&self, indent: &str) -> Result<()> {
        self.0.lines().try_for_each(|text| line(format!("{indent}{}", text.trim_end())))
    }
}
