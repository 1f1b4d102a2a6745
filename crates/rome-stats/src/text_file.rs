//! A file of text, read document by document.

use std::fs::File;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::Value;

use crate::error::StatsError;
use crate::reader::{self, Compression};

/// A line longer than this is taken for a file that is not text.
const MAX_LINE: u64 = 256 << 20;

/// A file of text.
pub(crate) struct TextFile {
    path: PathBuf,
    format: TextFormat,
    compression: Compression,
}

/// The format of a file, which separates its documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TextFormat {
    Text,
    Jsonl,
    Parquet,
    /// Text or JSONL, by how it starts.
    Either,
}

/// A closure that takes a document of a file with the number of the file's bytes read, and says whether to go
/// on.
pub(crate) type Visit<'a, E> = dyn FnMut(&str, u64) -> Result<ControlFlow<()>, E> + 'a;

impl TextFile {
    pub(crate) fn new(path: PathBuf) -> Result<Self, StatsError> {
        let unknown = || StatsError::FileKind { path: path.clone() };
        if path == Path::new("-") {
            return Ok(Self { path, format: TextFormat::Either, compression: Compression::None });
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unknown)?;
        let (name, compression) = Compression::of(name);
        let format = match Path::new(name).extension().and_then(|extension| extension.to_str()) {
            Some("txt") => TextFormat::Text,
            Some("jsonl") => TextFormat::Jsonl,
            // Its footer is at its end, so it cannot be read as a stream; and it is packed inside.
            Some("parquet") if compression == Compression::None => TextFormat::Parquet,
            _ => return Err(unknown()),
        };
        Ok(Self { format, compression, path })
    }

    pub(crate) fn n_bytes(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Shows each document, blank ones among them, until `visit` breaks off.
    pub(crate) fn for_each<E: From<StatsError>>(
        &self,
        field: &str,
        visit: &mut Visit<'_, E>,
    ) -> Result<ControlFlow<()>, E> {
        match self.format {
            TextFormat::Parquet => self.rows(field, visit),
            _ => self.lines(field, visit),
        }
    }

    fn lines<E: From<StatsError>>(
        &self,
        field: &str,
        visit: &mut Visit<'_, E>,
    ) -> Result<ControlFlow<()>, E> {
        let io = |error| StatsError::Io { path: self.path.clone(), error };
        let (mut reader, counter) = reader::open(&self.path, self.compression).map_err(io)?;
        let mut format = self.format;
        let mut line = Vec::new();
        for number in 1.. {
            let wrong = |reason: &dyn std::fmt::Display| StatsError::Line {
                path: self.path.clone(),
                line: number,
                reason: reason.to_string(),
            };
            line.clear();
            // A packed file that is cut off shows here: in some line.
            let mut limited = Read::take(&mut reader, MAX_LINE);
            let n_bytes = limited.read_until(b'\n', &mut line).map_err(|error| wrong(&error))? as u64;
            if n_bytes == 0 {
                break;
            }
            if n_bytes == MAX_LINE && line.last() != Some(&b'\n') {
                return Err(wrong(&"longer than a line of text can be").into());
            }
            let text = std::str::from_utf8(&line).map_err(|_| wrong(&"not UTF-8"))?;
            let text = text.trim_end_matches(['\n', '\r']);
            if format == TextFormat::Either && !text.trim().is_empty() {
                format =
                    if text.trim_start().starts_with('{') { TextFormat::Jsonl } else { TextFormat::Text };
            }
            let flow = match format {
                TextFormat::Jsonl if text.trim().is_empty() => ControlFlow::Continue(()),
                TextFormat::Jsonl => {
                    let documents = in_json(text, field).map_err(|reason| wrong(&reason))?;
                    each(&documents, counter.get(), visit)?
                }
                _ => visit(text, counter.get())?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn rows<E: From<StatsError>>(&self, field: &str, visit: &mut Visit<'_, E>) -> Result<ControlFlow<()>, E> {
        let malformed = |reason: &dyn std::fmt::Display| StatsError::Malformed {
            path: self.path.clone(),
            reason: reason.to_string(),
        };
        let io = |error| StatsError::Io { path: self.path.clone(), error };
        let file = File::open(&self.path).map_err(io)?;
        let reader = SerializedFileReader::new(file).map_err(|error| malformed(&error))?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema();
        let columns: Vec<&str> = schema.get_fields().iter().map(|column| column.name()).collect();
        let Some(column) = schema.get_fields().iter().find(|column| column.name() == field) else {
            return Err(
                malformed(&format_args!("it has no column {field:?}, only {}", columns.join(", "))).into()
            );
        };
        let projection = Type::group_type_builder(schema.name()).with_fields(vec![column.clone()]).build();
        let projection = projection.map_err(|error| malformed(&error))?;
        let n_rows = metadata.num_rows().max(1) as u64;
        let rows = reader.get_row_iter(Some(projection)).map_err(|error| malformed(&error))?;
        for (number, row) in (1..).zip(rows) {
            let wrong = |reason: String| StatsError::Row { path: self.path.clone(), row: number, reason };
            let documents = row.map_err(|error| wrong(error.to_string()));
            let documents = in_row(&documents?, field).map_err(wrong)?;
            let bytes_read = (self.n_bytes() as f64 * number as f64 / n_rows as f64) as u64;
            if each(&documents, bytes_read, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn each<E>(documents: &[String], bytes_read: u64, visit: &mut Visit<'_, E>) -> Result<ControlFlow<()>, E> {
    for document in documents {
        if visit(document, bytes_read)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The documents of a line of JSON.
fn in_json(line: &str, field: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let of_list = |text: &Value| text.as_str().map(str::to_owned).ok_or_else(|| no_strings(field));
    match value.get(field) {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(texts)) => texts.iter().map(of_list).collect(),
        Some(_) => Err(no_strings(field)),
        None => Err(format!("it has no {field:?}")),
    }
}

/// The documents of a row that has one column.
fn in_row(row: &Row, field: &str) -> Result<Vec<String>, String> {
    let of_list = |text: &Field| match text {
        Field::Str(text) => Ok(text.clone()),
        _ => Err(no_strings(field)),
    };
    match row.get_column_iter().next() {
        Some((_, Field::Str(text))) => Ok(vec![text.clone()]),
        Some((_, Field::ListInternal(texts))) => texts.elements().iter().map(of_list).collect(),
        Some((_, Field::Null)) | None => Ok(Vec::new()),
        Some(_) => Err(no_strings(field)),
    }
}

fn no_strings(field: &str) -> String {
    format!("{field:?} is neither a string nor a list of strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_document_or_several() {
        assert_eq!(in_json(r#"{"text": "a"}"#, "text").unwrap(), ["a"]);
        assert_eq!(in_json(r#"{"t": ["a", "b"]}"#, "t").unwrap(), ["a", "b"]);
        assert!(in_json(r#"{"text": 1}"#, "text").is_err());
        assert!(in_json(r#"{"x": ""}"#, "text").unwrap_err().contains("\"text\""));
    }
}
