//! Edits as a file.

mod edit_file;
mod environment;
mod record;

pub use edit_file::{EditFile, EditFileError, EditPart};
pub use environment::{Environment, instructions};
pub use record::{EditEntry, EditRecord, FORMAT_VERSION, FactEntry, Outcome, StatisticsRecord};
