//! Writes results to standard output.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use super::log;

/// Prints a line of data. A reader that has gone away is no error.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    match writeln!(io::stdout(), "{}", text.as_ref()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Prints one JSON object.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string(value)?)
}

/// Highlights text if standard output is a terminal that may have colour.
pub(crate) fn bold(text: &str) -> String {
    if log::has_colour(&io::stdout()) { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}
