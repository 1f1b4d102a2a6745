//! One file of text, read document by document.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use rome_files::{ByteCount, open_text};
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::Value;

use crate::document::DocumentPart;
use crate::error::StatsError;

/// A line longer than this is taken for a file that is not JSON.
const MAX_LINE: u64 = 256 << 20;

/// Documents longer than this come in parts, so that what is held of them does not grow.
const MAX_PART: usize = 256 << 10;

/// A file of text.
pub(crate) struct TextFile {
    path: PathBuf,
    format: TextFormat,
}

/// The format of a file, which separates its documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TextFormat {
    Text,
    Json,
    Parquet,
    /// Text or JSON, by how it starts.
    Either,
}

/// A closure that takes a part of a document with the number of the file's bytes read, and says whether to go
/// on.
pub(crate) type Visit<'a, E> = dyn FnMut(&str, DocumentPart, u64) -> Result<ControlFlow<()>, E> + 'a;

impl TextFile {
    pub(crate) fn new(path: PathBuf) -> Result<Self, StatsError> {
        let unknown = || StatsError::FileKind { path: path.clone() };
        if path == Path::new("-") {
            return Ok(Self { path, format: TextFormat::Either });
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unknown)?;
        let inner = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
        let format = match Path::new(inner).extension().and_then(|extension| extension.to_str()) {
            Some("txt") => TextFormat::Text,
            Some("jsonl" | "ndjson" | "json") => TextFormat::Json,
            // Its footer is at its end, so it cannot be read as a stream; and it is packed inside.
            Some("parquet") if inner == name => TextFormat::Parquet,
            _ => return Err(unknown()),
        };
        Ok(Self { format, path })
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
        if self.format == TextFormat::Parquet {
            return self.rows(field, visit);
        }
        let (mut text, count) = open_text(&self.path).map_err(|error| self.unreadable(error))?;
        let documents = Documents { file: self, field, count };
        if self.format == TextFormat::Text {
            return documents.in_lines(&mut text, visit);
        }
        match first_letter(&mut text).map_err(|error| self.unreadable(error))? {
            Some(b'[') if self.format == TextFormat::Json => documents.in_list(&mut text, visit),
            Some(b'{') => documents.in_json_lines(&mut text, visit),
            Some(_) if self.format == TextFormat::Json => documents.in_json_lines(&mut text, visit),
            _ => documents.in_lines(&mut text, visit),
        }
    }

    /// The error for a file that cannot be read: one that cannot be unpacked is damaged, other failures are the
    /// system's.
    fn unreadable(&self, error: io::Error) -> StatsError {
        match error.raw_os_error() {
            Some(_) => StatsError::Io { path: self.path.clone(), error },
            None if error.kind() == io::ErrorKind::NotFound => {
                StatsError::Io { path: self.path.clone(), error }
            }
            None => StatsError::Malformed { path: self.path.clone(), reason: error.to_string() },
        }
    }

    fn malformed(&self, reason: impl fmt::Display) -> StatsError {
        StatsError::Malformed { path: self.path.clone(), reason: reason.to_string() }
    }

    fn rows<E: From<StatsError>>(&self, field: &str, visit: &mut Visit<'_, E>) -> Result<ControlFlow<()>, E> {
        let file =
            File::open(&self.path).map_err(|error| StatsError::Io { path: self.path.clone(), error })?;
        let reader = SerializedFileReader::new(file).map_err(|error| self.malformed(error))?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema();
        let columns = schema.get_fields();
        let named = |name: &str| columns.iter().find(|column| column.name() == name);
        // A column may have a dot in its name, or the text may be inside of a column.
        let (column, inside) = match (named(field), field.split_once('.')) {
            (Some(column), _) => (Some(column), None),
            (None, Some((outer, inside))) => (named(outer), Some(inside)),
            (None, None) => (None, None),
        };
        let Some(column) = column else {
            let columns: Vec<&str> = columns.iter().map(|column| column.name()).collect();
            let reason = format!("it has no column {field:?}, only {}", columns.join(", "));
            return Err(self.malformed(reason).into());
        };
        let projection = Type::group_type_builder(schema.name()).with_fields(vec![column.clone()]).build();
        let projection = projection.map_err(|error| self.malformed(error))?;
        let n_rows = metadata.num_rows().max(1) as u64;
        let rows = reader.get_row_iter(Some(projection)).map_err(|error| self.malformed(error))?;
        for (number, row) in (1..).zip(rows) {
            let wrong = |reason: String| StatsError::Row { path: self.path.clone(), row: number, reason };
            let row = row.map_err(|error| wrong(error.to_string()))?;
            let documents = in_row(&row, inside).map_err(|fault| wrong(fault.about(field)))?;
            let bytes_read = (self.n_bytes() as f64 * number as f64 / n_rows as f64) as u64;
            if each(&documents, bytes_read, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The documents of a file of text or JSON.
struct Documents<'a> {
    file: &'a TextFile,
    field: &'a str,
    count: ByteCount,
}

impl Documents<'_> {
    /// One a line, however long it is.
    fn in_lines<E: From<StatsError>>(
        &self,
        text: &mut dyn BufRead,
        visit: &mut Visit<'_, E>,
    ) -> Result<ControlFlow<()>, E> {
        let mut line = 1;
        // What is not shown yet of the line.
        let mut part = Vec::new();
        let mut is_first = true;
        loop {
            let limit = MAX_PART + 1 - part.len();
            let n_bytes = Read::take(&mut *text, limit as u64)
                .read_until(b'\n', &mut part)
                .map_err(|error| self.file.unreadable(error))?;
            let is_last = part.ends_with(b"\n") || n_bytes < limit;
            if n_bytes == 0 && part.is_empty() && is_first {
                return Ok(ControlFlow::Continue(()));
            }
            let whole = if is_last { part.len() } else { seam(&part) };
            let shown = std::str::from_utf8(&part[..whole]).map_err(|_| self.wrong(line, "not UTF-8"))?;
            let shown = if is_last { shown.trim_end_matches(['\n', '\r']) } else { shown };
            let place = DocumentPart::new(is_first, is_last);
            if visit(shown, place, self.count.get())?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            part.drain(..whole);
            is_first = is_last;
            line += usize::from(is_last);
        }
    }

    /// In an object a line.
    fn in_json_lines<E: From<StatsError>>(
        &self,
        text: &mut dyn BufRead,
        visit: &mut Visit<'_, E>,
    ) -> Result<ControlFlow<()>, E> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut limited = Read::take(&mut *text, MAX_LINE);
            let n_bytes =
                limited.read_until(b'\n', &mut line).map_err(|error| self.file.unreadable(error))? as u64;
            if n_bytes == 0 {
                break;
            }
            if n_bytes == MAX_LINE && line.last() != Some(&b'\n') {
                return Err(self.wrong(number, "longer than a line of JSON can be").into());
            }
            let json = std::str::from_utf8(&line).map_err(|_| self.wrong(number, "not UTF-8"))?.trim();
            if json.is_empty() {
                continue;
            }
            let value: Value = serde_json::from_str(json).map_err(|error| {
                self.wrong(number, error.to_string().replace(" at line 1 column ", " at column "))
            })?;
            let documents =
                in_value(&value, self.field).map_err(|fault| self.wrong(number, fault.about(self.field)))?;
            if each(&documents, self.count.get(), visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// In the objects of a list.
    fn in_list<E: From<StatsError>>(
        &self,
        text: &mut dyn BufRead,
        visit: &mut Visit<'_, E>,
    ) -> Result<ControlFlow<()>, E> {
        let mut list = ListVisitor { documents: self, visit, outcome: Ok(ControlFlow::Continue(())) };
        let read = serde_json::Deserializer::from_reader(text).deserialize_seq(&mut list);
        match (list.outcome, read) {
            (Ok(ControlFlow::Continue(())), Err(error)) if error.is_io() => {
                Err(self.file.unreadable(error.into()).into())
            }
            (Ok(ControlFlow::Continue(())), Err(error)) => Err(self.file.malformed(error).into()),
            (outcome, _) => outcome,
        }
    }

    fn wrong(&self, line: usize, reason: impl Into<String>) -> StatsError {
        StatsError::Line { path: self.file.path.clone(), line, reason: reason.into() }
    }
}

/// Visits a list of objects, one at a time.
struct ListVisitor<'a, 'v, 'd, E> {
    documents: &'a Documents<'d>,
    visit: &'a mut Visit<'v, E>,
    outcome: Result<ControlFlow<()>, E>,
}

impl<'de, E: From<StatsError>> Visitor<'de> for &mut ListVisitor<'_, '_, '_, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let Documents { file, field, count } = self.documents;
        for row in 1.. {
            let Some(value) = values.next_element::<Value>()? else { break };
            self.outcome = match in_value(&value, field) {
                Ok(documents) => each(&documents, count.get(), self.visit),
                Err(fault) => {
                    Err(StatsError::Row { path: file.path.clone(), row, reason: fault.about(field) }.into())
                }
            };
            if !matches!(self.outcome, Ok(ControlFlow::Continue(()))) {
                return Err(A::Error::custom("the reading ends here"));
            }
        }
        Ok(())
    }
}

/// The first byte that is no blank; blanks before it are passed over.
fn first_letter(text: &mut dyn BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = text.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        match buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(place) => {
                let letter = buffer[place];
                text.consume(place);
                return Ok(Some(letter));
            }
            None => {
                let n_blanks = buffer.len();
                text.consume(n_blanks);
            }
        }
    }
}

/// The place to part a text at: before its last blank, so that tokens are the same, or else between two letters.
fn seam(text: &[u8]) -> usize {
    let blank = text.iter().rposition(u8::is_ascii_whitespace).filter(|&place| place > 0);
    let is_start = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
    blank.or_else(|| text.iter().rposition(is_start).filter(|&place| place > 0)).unwrap_or(text.len())
}

fn each<E>(documents: &[String], bytes_read: u64, visit: &mut Visit<'_, E>) -> Result<ControlFlow<()>, E> {
    for document in documents {
        let mut rest = document.as_str();
        loop {
            let is_last = rest.len() <= MAX_PART;
            let whole = if is_last { rest.len() } else { seam(&rest.as_bytes()[..MAX_PART]) };
            let part = DocumentPart::new(rest.len() == document.len(), is_last);
            if visit(&rest[..whole], part, bytes_read)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if is_last {
                break;
            }
            rest = &rest[whole..];
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The fault of a field that should hold text.
#[derive(Debug, PartialEq, Eq)]
enum FieldFault {
    Missing,
    NoText,
}

impl FieldFault {
    fn about(self, field: &str) -> String {
        match self {
            Self::Missing => format!("it has no {field:?}"),
            Self::NoText => format!("{field:?} is neither a string nor a list of strings"),
        }
    }
}

/// The documents of a value of JSON; none where it is null.
fn in_value(value: &Value, field: &str) -> Result<Vec<String>, FieldFault> {
    let inside = || field.split('.').try_fold(value, |value, name| value.get(name));
    let of_list = |text: &Value| text.as_str().map(str::to_owned).ok_or(FieldFault::NoText);
    match value.get(field).or_else(inside) {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(texts)) => texts.iter().map(of_list).collect(),
        Some(Value::Null) => Ok(Vec::new()),
        Some(_) => Err(FieldFault::NoText),
        None => Err(FieldFault::Missing),
    }
}

/// The documents of a row that has one column; none where it is null.
fn in_row(row: &Row, inside: Option<&str>) -> Result<Vec<String>, FieldFault> {
    let Some((_, field)) = row.get_column_iter().next() else { return Ok(Vec::new()) };
    in_field(field, inside)
}

fn in_field(field: &Field, inside: Option<&str>) -> Result<Vec<String>, FieldFault> {
    match (field, inside) {
        (Field::Null, _) => Ok(Vec::new()),
        (Field::Group(row), Some(inside)) => {
            let named = |name: &str| row.get_column_iter().find(|(column, _)| column.as_str() == name);
            match (named(inside), inside.split_once('.')) {
                (Some((_, field)), _) => in_field(field, None),
                (None, Some((outer, inside))) => {
                    in_field(named(outer).ok_or(FieldFault::Missing)?.1, Some(inside))
                }
                (None, None) => Err(FieldFault::Missing),
            }
        }
        (_, Some(_)) => Err(FieldFault::Missing),
        (Field::ListInternal(texts), None) => texts.elements().iter().map(text_of).collect(),
        (field, None) => Ok(vec![text_of(field)?]),
    }
}

/// The text of a field: a string, or bytes that are UTF-8.
fn text_of(field: &Field) -> Result<String, FieldFault> {
    match field {
        Field::Str(text) => Ok(text.clone()),
        Field::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes.data()).map_err(|_| FieldFault::NoText)?;
            Ok(text.to_owned())
        }
        _ => Err(FieldFault::NoText),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_json_is_one_document_or_several() {
        let documents = |json: &str, field| in_value(&serde_json::from_str(json).unwrap(), field);
        assert_eq!(documents(r#"{"text": "a"}"#, "text").unwrap(), ["a"]);
        assert_eq!(documents(r#"{"t": ["a", "b"]}"#, "t").unwrap(), ["a", "b"]);
        assert_eq!(documents(r#"{"article": {"text": "a"}}"#, "article.text").unwrap(), ["a"]);
        assert_eq!(documents(r#"{"article.text": "a"}"#, "article.text").unwrap(), ["a"]);
        assert_eq!(documents(r#"{"text": null}"#, "text").unwrap(), [""; 0]);
        assert_eq!(documents(r#"{"text": 1}"#, "text"), Err(FieldFault::NoText));
        assert_eq!(documents(r#"{"x": ""}"#, "text"), Err(FieldFault::Missing));
    }

    /// The documents of a file, and how many parts they came in.
    fn read(name: &str, bytes: &[u8]) -> Result<(Vec<String>, usize), StatsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (mut documents, mut n_parts) = (Vec::<String>::new(), 0);
        let mut visit = |text: &str, part: DocumentPart, _| -> Result<_, StatsError> {
            n_parts += 1;
            assert!(text.len() <= MAX_PART);
            if part.is_first() {
                documents.push(text.to_owned());
            } else {
                documents.last_mut().unwrap().push_str(text);
            }
            Ok(ControlFlow::Continue(()))
        };
        let flow = TextFile::new(path)?.for_each("text", &mut visit)?;
        assert!(flow.is_continue());
        Ok((documents, n_parts))
    }

    #[test]
    fn a_long_document_comes_in_parts_that_are_all_of_it() {
        let long = "wörd ".repeat(MAX_PART / 2);
        let unbroken = "ö".repeat(MAX_PART);
        for long in [long.trim_end(), &unbroken] {
            let text = format!("one\n{long}\r\nthree");
            let (documents, n_parts) = read("a.txt", text.as_bytes()).unwrap();
            assert!(documents == ["one", long, "three"] && n_parts > 4, "{n_parts}");
            let json = serde_json::json!([{ "text": ["one", long] }, { "text": "three" }]).to_string();
            assert!(read("a.json", json.as_bytes()).unwrap().0 == documents);
        }
    }

    #[test]
    fn json_is_read_as_a_list_and_as_lines() {
        for json in ["{\"text\": \"a\"}\n\n{\"text\": \"b\"}", " [{\"text\": \"a\"}, {\"text\": [\"b\"]}]"] {
            for name in ["a.json", "a.jsonl", "a.ndjson"] {
                assert_eq!(read(name, json.as_bytes()).unwrap().0, ["a", "b"]);
            }
        }
    }

    #[test]
    fn a_fault_is_told_by_its_place() {
        let fault = |json: &str| read("a.json", json.as_bytes()).unwrap_err();
        assert!(matches!(fault("{\"text\": \"a\"}\n{\"x\": 1}"), StatsError::Line { line: 2, .. }));
        assert!(matches!(fault("{\"text\": \"a\"}\n{\"te"), StatsError::Line { line: 2, .. }));
        assert!(matches!(fault("[{\"text\": \"a\"}, {\"x\": 1}]"), StatsError::Row { row: 2, .. }));
        assert!(matches!(fault("[{\"text\": \"a\"}, "), StatsError::Malformed { .. }));
    }
}
