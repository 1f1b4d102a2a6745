//! The user interface: lines, tables, progress, numbers and messages.

mod format;
mod interrupt;
pub(crate) mod log;
mod output;
mod progress;
mod table;

pub(crate) use format::{change, count, percent, relative_norm, short, shortened, size, verdict};
pub(crate) use output::{bold, json, line};
pub(crate) use progress::ProgressBar;
pub(crate) use table::Table;
