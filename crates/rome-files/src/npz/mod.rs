//! Archives of numpy's arrays, read within bounds.

mod error;
mod header;
mod reader;
mod writer;

pub use error::NpzError;
pub use reader::{NpzArray, NpzReader};
pub use writer::NpzWriter;
