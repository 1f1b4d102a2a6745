//! Files of records.

use std::collections::BTreeSet;
use std::path::Path;

use rome_files::{JsonError, JsonFile, JsonItem, JsonPlace};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::EvalError;

/// CounterFact has 45 MB, zsRE's evaluation set 12, the snippets of the project's site 130.
const MAX_DATA: u64 = 1 << 30;

/// Reads a file of records.
pub(crate) fn read(path: &Path) -> Result<JsonFile, EvalError> {
    Ok(JsonFile::read(path, MAX_DATA)??)
}

/// Parses records by their `number`, which is in a field, or else their place in the file; `canonical` gives
/// those of others our form. A broken one stands for itself, and so does a second one of a number.
pub(crate) fn parse<T: DeserializeOwned>(
    file: JsonFile,
    field: &str,
    number: impl Fn(&T) -> u64,
    canonical: impl Fn(Value) -> Value,
) -> Vec<PlacedRecord<T>> {
    let mut seen = BTreeSet::new();
    let mut parse = |item: JsonItem| {
        let (path, place) = (item.path.clone(), item.place);
        let value = numbered(canonical(item.value), field, place);
        let record: T = JsonItem { value, ..item }.parse()?;
        let number = number(&record);
        if seen.insert(number) {
            Ok(record)
        } else {
            let reason = format!("{number} occurs twice, and results are named by it");
            Err(JsonError { path, place: Some(place), field: Some(field.to_owned()), reason })
        }
    };
    let records = file.into_items().into_iter().map(|item| {
        let place = item.as_ref().map_or_else(|error| error.place, |item| Some(item.place));
        (place, item.and_then(&mut parse).map_err(EvalError::from))
    });
    records.collect()
}

/// A record, or the reason why it is malformed, with its place in the file where that is known.
pub(crate) type PlacedRecord<T> = (Option<JsonPlace>, Result<T, EvalError>);

/// A record with its number as a number: one in quotes is read, and a missing one is its place in the file.
fn numbered(mut record: Value, field: &str, place: JsonPlace) -> Value {
    if let Some(fields) = record.as_object_mut() {
        let number = fields.entry(field).or_insert(json!(place.index));
        if let Some(quoted) = number.as_str().and_then(|text| text.parse::<u64>().ok()) {
            *number = json!(quoted);
        }
    }
    record
}
