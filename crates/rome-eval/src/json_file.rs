//! Files of JSON in a folder of results.

use std::path::Path;

use rome_files::{read_bounded, write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::EvalError;

/// A case with its generated texts has some ten thousand bytes.
const MAX_FILE: u64 = 64 << 20;

/// Reads a file of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, EvalError> {
    let bytes = read_bounded(path, MAX_FILE)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| EvalError::Data { path: path.to_owned(), reason: error.to_string() })
}

/// Writes a value as [JSON](as_json), as a whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), EvalError> {
    Ok(write(path, &as_json(path, value)?)?)
}

/// A value as JSON with one space of indentation, as the reference has it, for the file at a path.
pub(crate) fn as_json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, EvalError> {
    let mut bytes = Vec::new();
    let indented = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, indented);
    value
        .serialize(&mut serializer)
        .map_err(|error| EvalError::Data { path: path.to_owned(), reason: error.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}
