//! The output of a comparison.

use anyhow::Result;
use comfy_table::presets::{ASCII_MARKDOWN, UTF8_BORDERS_ONLY};
use comfy_table::{Cell, CellAlignment, Table};
use serde_json::Value;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Terminal,
    Markdown,
    Json,
}

/// The option for the form of the output.
#[derive(Debug, clap::Args)]
pub(crate) struct Format {
    /// Print one JSON object
    #[arg(long, conflicts_with = "markdown")]
    json: bool,

    /// Print tables in Markdown
    #[arg(long)]
    markdown: bool,
}

impl Format {
    pub(crate) fn form(&self) -> Form {
        match (self.json, self.markdown) {
            (true, _) => Form::Json,
            (_, true) => Form::Markdown,
            _ => Form::Terminal,
        }
    }
}

/// The outcome of a comparison: for programs, and for people.
pub(crate) struct Report {
    pub(crate) json: Value,
    pub(crate) tables: Vec<Rows>,
    pub(crate) notes: Vec<String>,
    /// The checks that fail.
    pub(crate) faults: Vec<String>,
}

/// A table; the first row is the header.
pub(crate) type Rows = Vec<Vec<String>>;

/// Prints a report.
///
/// # Errors
/// When something that was to hold does not.
pub(crate) fn print(report: &Report, form: Form) -> Result<()> {
    if form == Form::Json {
        println!("{}", report.json);
    } else {
        for rows in &report.tables {
            println!("{}\n", table(rows, form));
        }
        for note in &report.notes {
            println!("{note}");
        }
    }
    if report.faults.is_empty() { Ok(()) } else { anyhow::bail!("{}", report.faults.join("; ")) }
}

fn table(rows: &Rows, form: Form) -> Table {
    let mut table = Table::new();
    table.load_style(if form == Form::Markdown { ASCII_MARKDOWN } else { UTF8_BORDERS_ONLY });
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().map(|text| {
            if is_number(text) {
                Cell::new(text).set_alignment(CellAlignment::Right)
            } else {
                Cell::new(text)
            }
        });
        match index {
            0 => table.set_header(cells),
            _ => table.add_row(cells),
        };
    }
    table
}
