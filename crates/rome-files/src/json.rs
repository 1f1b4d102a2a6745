//! Values of JSON that people bring, in whatever form they have them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::FileError;
use crate::packed::read_text;

/// A file of JSON: one value, a list of them, or one a line; plain or packed as gzip or zstd; with or without a
/// byte order mark. A field that is null counts as missing.
#[derive(Debug)]
pub struct JsonFile {
    /// The file.
    pub path: PathBuf,
    /// The text, unpacked.
    pub text: String,
    /// The values, or why one is none.
    items: Vec<Result<JsonItem, JsonError>>,
}

/// A value of a file of JSON.
#[derive(Debug, Clone)]
pub struct JsonItem {
    /// The file.
    pub path: PathBuf,
    /// Its place in the file.
    pub place: JsonPlace,
    /// The value, without fields that are null.
    pub value: Value,
}

/// The place of a value in a file of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonPlace {
    /// Its index among all values, from 0.
    pub index: usize,
    /// Its line, from 1, where each value begins a line of its own; `None` in a list.
    pub line: Option<usize>,
}

/// Why a file, or a value in it, is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct JsonError {
    /// The file.
    pub path: PathBuf,
    /// The place of the value; nothing where the file as a whole is malformed.
    pub place: Option<JsonPlace>,
    /// The field, as a path from the value; nothing where it is the value itself.
    pub field: Option<String>,
    /// The reason.
    pub reason: String,
}

impl JsonFile {
    /// Reads a file of at most `limit` bytes of text. A line that is no JSON stands for itself.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path, limit: u64) -> Result<Result<Self, JsonError>, FileError> {
        let of_file = |reason: String| JsonError { path: path.to_owned(), place: None, field: None, reason };
        Ok(match String::from_utf8(read_text(path, limit)?) {
            Ok(text) => items(path, &text)
                .map(|items| Self { path: path.to_owned(), text, items })
                .map_err(|error| of_file(error.to_string())),
            Err(error) => Err(of_file(format!("not UTF-8: {}", error.utf8_error()))),
        })
    }

    /// The values in order.
    pub fn into_items(self) -> Vec<Result<JsonItem, JsonError>> {
        self.items
    }
}

impl JsonItem {
    /// Reads the value as a type of ours.
    ///
    /// # Errors
    /// When it is another, with the field that tells.
    pub fn parse<T: DeserializeOwned>(self) -> Result<T, JsonError> {
        let Self { path, place, value } = self;
        let place = Some(place);
        parse_json(value).map_err(|(field, reason)| JsonError { path, place, field, reason })
    }
}

/// Reads a value as a type of ours; of one that is another, returns the field that tells and the reason.
///
/// # Errors
/// When it is another.
pub fn parse_json<T: DeserializeOwned>(value: Value) -> Result<T, (Option<String>, String)> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let reason = error.inner().to_string();
        let at = match error.path().to_string() {
            at if at == "." || at == "?" => None,
            at => Some(at),
        };
        let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let (field, reason) = match (at, missing) {
            (Some(at), Some(missing)) => (Some(format!("{at}.{missing}")), "it is missing".to_owned()),
            (None, Some(missing)) => (Some(missing.to_owned()), "it is missing".to_owned()),
            (at, None) => (at, plain(&reason)),
        };
        (field, reason)
    })
}

impl fmt::Display for JsonPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}"),
            None => write!(f, "record {} (from 0)", self.index),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(place) = self.place {
            write!(f, ", {place}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field {field}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// The values of a text.
fn items(path: &Path, text: &str) -> Result<Vec<Result<JsonItem, JsonError>>, serde_json::Error> {
    let item = |index, line, value| {
        let place = JsonPlace { index, line };
        Ok(JsonItem { path: path.to_owned(), place, value: without_nulls(value) })
    };
    if text.trim_start().starts_with('[') {
        let list: Vec<Value> = serde_json::from_str(text)?;
        return Ok(list.into_iter().enumerate().map(|(index, value)| item(index, None, value)).collect());
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let (mut items, mut end, mut line) = (Vec::new(), 0, 1);
    while let Some(value) = values.next() {
        match value {
            Ok(value) => {
                let (before, next_end) = (end, values.byte_offset());
                let start = next_end - text[before..next_end].trim_start().len();
                line += text[before..start].matches('\n').count();
                items.push(item(items.len(), Some(line), value));
                line += text[start..next_end].matches('\n').count();
                end = next_end;
            }
            // Where others are one a line, the broken one is one of them.
            Err(error) => return lines(path, text).ok_or(error),
        }
    }
    Ok(items)
}

/// The values of a text that has one a line; nothing if no line is an object.
fn lines(path: &Path, text: &str) -> Option<Vec<Result<JsonItem, JsonError>>> {
    let numbered = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let item = |(index, (line, text)): (usize, (usize, &str))| {
        let (path, place) = (path.to_owned(), JsonPlace { index, line: Some(line) });
        match serde_json::from_str(text) {
            Ok(value) => Ok(JsonItem { path, place, value: without_nulls(value) }),
            Err(error) => {
                let reason = error.to_string().replace(" at line 1 column ", " at column ");
                Err(JsonError { path, place: Some(place), field: None, reason })
            }
        }
    };
    let items: Vec<_> = numbered.enumerate().map(item).collect();
    items.iter().flatten().any(|item| item.value.is_object()).then_some(items)
}

/// A value without the fields of objects that are null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

/// The words of JSON for what serde calls by types of Rust.
const WORDS: [(&str, &str); 13] = [
    ("a map", "an object"),
    ("map", "an object"),
    ("a sequence", "a list"),
    ("sequence", "a list"),
    ("tuple", "a list"),
    ("unit", "null"),
    ("struct", "an object"),
    ("u8", "a whole number"),
    ("u32", "a whole number"),
    ("u64", "a whole number"),
    ("usize", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
];

/// Says in words of JSON what serde says in types of Rust.
fn plain(reason: &str) -> String {
    let kinds = ["invalid type: ", "invalid value: "];
    let Some(rest) = kinds.iter().find_map(|kind| reason.strip_prefix(kind)) else {
        return reason.to_owned();
    };
    let Some((found, expected)) = rest.rsplit_once(", expected ") else { return reason.to_owned() };
    let word = |text: &str| {
        let first = text.split(' ').next().unwrap_or_default();
        let known = WORDS.iter().find(|(name, _)| *name == text || (*name == first && first != "a"));
        known.map_or_else(|| text.to_owned(), |(_, word)| (*word).to_owned())
    };
    format!("it is {}, and {} is expected", word(found), word(expected))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: u64,
        #[serde(default)]
        names: Vec<String>,
        inner: Option<Box<Point>>,
    }

    fn read(text: &str) -> Result<Vec<Result<Point, String>>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        let shown = |error: JsonError| error.to_string().replace(path.to_str().unwrap(), "a.json");
        let items = JsonFile::read(&path, 1000).unwrap().map_err(shown)?.into_items();
        Ok(items.into_iter().map(|item| item.and_then(JsonItem::parse).map_err(shown)).collect())
    }

    fn point(x: u64) -> Result<Point, String> {
        Ok(Point { x, names: Vec::new(), inner: None })
    }

    #[test]
    fn one_value_a_list_and_lines_are_read_alike() {
        let two = vec![point(1), point(2)];
        for text in [
            r#"[{"x": 1}, {"x": 2}]"#,
            "{\"x\": 1}\r\n\r\n{\"x\": 2}\r\n",
            r#"{"x": 1} {"x": 2}"#,
            "\u{feff}{\"x\": 1, \"names\": null}\n{\"x\": 2, \"inner\": null}",
        ] {
            assert_eq!(read(text).unwrap(), two, "{text}");
        }
        assert_eq!(read("{\n \"x\": 1\n}\n").unwrap(), vec![point(1)]);
        assert_eq!(read(" \n").unwrap(), vec![]);
    }

    #[test]
    fn a_broken_value_is_told_by_its_place_and_its_field() {
        let error = |text: &str| read(text).unwrap().into_iter().find_map(Result::err).unwrap();
        assert_eq!(error("{\"x\": 1}\n{\"y\": 1}"), "a.json, line 2, field x: it is missing");
        assert_eq!(
            error(r#"[{"x": 1}, {"x": "1"}]"#),
            "a.json, record 1 (from 0), field x: it is string \"1\", and a whole number is expected"
        );
        assert_eq!(
            error(r#"{"x": 1, "names": {}}"#),
            "a.json, line 1, field names: it is an object, and a list is expected"
        );
        assert_eq!(error(r#"{"x": 1, "inner": {}}"#), "a.json, line 1, field inner.x: it is missing");
        assert_eq!(error("5"), "a.json, line 1: it is integer `5`, and an object is expected");
    }

    #[test]
    fn a_line_that_is_no_json_leaves_the_others() {
        let read = read("{\"x\": 1}\n{\"x\": \n{\"x\": 2}\n").unwrap();
        assert_eq!((&read[0], &read[2]), (&point(1), &point(2)));
        assert!(read[1].as_ref().unwrap_err().starts_with("a.json, line 2: "), "{:?}", read[1]);
    }

    #[test]
    fn a_file_that_is_no_json_is_told_as_a_whole() {
        for text in ["nonsense", "[{\"x\": 1},", "{\n \"x\": 1,\n", "{\"x\": 1"] {
            assert!(read(text).unwrap_err().starts_with("a.json: "), "{text}");
        }
    }
}
