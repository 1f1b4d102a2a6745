//! Text as documents.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::document::{Document, DocumentPart};
use crate::error::StatsError;
use crate::text_file::TextFile;

/// Files of text, read document by document, in memory that does not grow with them.
///
/// | name | documents |
/// | --- | --- |
/// | `.txt` | one a line |
/// | `.jsonl`, `.ndjson`, `.json` | an object a line or a list of objects, the text under a field: a string, or
/// a list of strings that are one document each |
/// | `.parquet` | a row each, the text in a column, likewise |
/// | `-` | standard input, as `.jsonl` if it starts with `{` and as `.txt` otherwise |
///
/// All but `.parquet` may be packed, as `.gz` or `.zst`. A field `article.text` is the `text` inside of
/// `article`. Blank documents and those that are null are passed over.
pub struct Corpus {
    files: Vec<TextFile>,
    field: String,
}

impl Corpus {
    /// Makes a corpus of files; `field` is where JSON and `.parquet` have their text.
    ///
    /// # Errors
    /// [`StatsError::FileKind`] for a file of another kind.
    pub fn new(files: Vec<PathBuf>, field: &str) -> Result<Self, StatsError> {
        let files = files.into_iter().map(TextFile::new).collect::<Result<_, _>>()?;
        Ok(Self { files, field: field.to_owned() })
    }

    /// The size of all files in bytes, as far as it can be told.
    pub fn n_bytes(&self) -> u64 {
        self.files.iter().map(TextFile::n_bytes).sum()
    }

    /// Calls `on_document` with each document, or each part of a long one, in order, until it breaks off.
    ///
    /// # Errors
    /// [`StatsError`] naming file and line or row, or what `on_document` returns.
    pub fn for_each<E: From<StatsError>>(
        &self,
        on_document: &mut dyn FnMut(Document<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut before = 0;
        for file in &self.files {
            let mut visit = |text: &str, part: DocumentPart, bytes_read| {
                if part == DocumentPart::Whole && text.trim().is_empty() {
                    Ok(ControlFlow::Continue(()))
                } else {
                    on_document(Document { text, part, bytes_read: before + bytes_read })
                }
            };
            if file.for_each(&self.field, &mut visit)?.is_break() {
                break;
            }
            before += file.n_bytes();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_before_anything_is_read() {
        for name in ["a.pdf", "a", "a.parquet.gz", "a.txt.bz2", ".gz"] {
            assert!(
                matches!(Corpus::new(vec![name.into()], "text"), Err(StatsError::FileKind { .. })),
                "{name}"
            );
        }
    }
}
