//! Text as documents.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::StatsError;

/// A line longer than this is taken for a file that is not text.
const MAX_LINE: u64 = 256 << 20;

/// Files of text, read document by document.
///
/// `.txt` has one document a line; `.jsonl` has an object a line with the text under a field,
/// as one string or as a list of strings that are one document each. Blank documents are passed over.
pub struct Corpus {
    files: Vec<PathBuf>,
    field: String,
}

impl Corpus {
    /// Makes a corpus of files; `field` is where `.jsonl` has its text.
    ///
    /// # Errors
    /// [`StatsError::FileKind`] for a file of another kind.
    pub fn new(files: Vec<PathBuf>, field: &str) -> Result<Self, StatsError> {
        match files.iter().find(|file| kind(file).is_none()) {
            Some(path) => Err(StatsError::FileKind { path: path.clone() }),
            None => Ok(Self { files, field: field.to_owned() }),
        }
    }

    /// The size of all files in bytes, as far as it can be told.
    pub fn n_bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// Calls `on_document` with each document and the number of bytes read of its line, in order.
    ///
    /// # Errors
    /// [`StatsError`] naming file and line, or what `on_document` returns.
    pub fn for_each(
        &self,
        on_document: &mut dyn FnMut(&str, u64) -> Result<(), StatsError>,
    ) -> Result<(), StatsError> {
        for path in &self.files {
            let io = |error| StatsError::Io { path: path.clone(), error };
            let mut reader = BufReader::new(File::open(path).map_err(io)?);
            let mut line = Vec::new();
            for number in 1.. {
                line.clear();
                let mut limited = std::io::Read::take(&mut reader, MAX_LINE);
                let n_bytes = limited.read_until(b'\n', &mut line).map_err(io)? as u64;
                if n_bytes == 0 {
                    break;
                }
                let wrong = |reason: &str| StatsError::Line {
                    path: path.clone(),
                    line: number,
                    reason: reason.to_owned(),
                };
                if n_bytes == MAX_LINE && line.last() != Some(&b'\n') {
                    return Err(wrong("longer than a line of text can be"));
                }
                let text = std::str::from_utf8(&line)
                    .map_err(|_| wrong("not UTF-8"))?
                    .trim_end_matches(['\n', '\r']);
                let documents = match kind(path) {
                    Some(Kind::Jsonl) if text.trim().is_empty() => Vec::new(),
                    Some(Kind::Jsonl) => documents_of(text, &self.field).map_err(|reason| wrong(&reason))?,
                    _ => vec![text.to_owned()],
                };
                for (index, document) in documents.iter().enumerate() {
                    if !document.trim().is_empty() {
                        on_document(document, if index == 0 { n_bytes } else { 0 })?;
                    }
                }
            }
        }
        Ok(())
    }
}

enum Kind {
    Text,
    Jsonl,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "txt" => Some(Kind::Text),
        "jsonl" => Some(Kind::Jsonl),
        _ => None,
    }
}

fn documents_of(line: &str, field: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match value.get(field) {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(texts)) => texts
            .iter()
            .map(|text| {
                text.as_str().map(str::to_owned).ok_or_else(|| format!("{field:?} is not a list of strings"))
            })
            .collect(),
        Some(_) => Err(format!("{field:?} is neither a string nor a list of strings")),
        None => Err(format!("it has no {field:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_document_or_several() {
        assert_eq!(documents_of(r#"{"text": "a"}"#, "text").unwrap(), ["a"]);
        assert_eq!(documents_of(r#"{"t": ["a", "b"]}"#, "t").unwrap(), ["a", "b"]);
        assert!(documents_of(r#"{"text": 1}"#, "text").is_err());
        assert!(documents_of(r#"{"x": ""}"#, "text").unwrap_err().contains("\"text\""));
    }

    #[test]
    fn an_unknown_kind_is_refused_before_anything_is_read() {
        assert!(matches!(Corpus::new(vec!["a.pdf".into()], "text"), Err(StatsError::FileKind { .. })));
    }
}
