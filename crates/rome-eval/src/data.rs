//! Files of records.

use std::path::Path;

use rome_files::read_bounded;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::EvalError;

/// CounterFact has 45 MB, zsRE's evaluation set 12.
const MAX_DATA: u64 = 1 << 30;

/// Reads a file of records.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, EvalError> {
    Ok(read_bounded(path, MAX_DATA)?)
}

/// Says that two records have one number.
pub(crate) fn twice(path: &Path, index: usize, field: &str, number: u64) -> EvalError {
    let reason = format!("{number} occurs twice, and results are named by it");
    EvalError::Record { path: path.to_owned(), index, field: field.to_owned(), reason }
}

/// Parses a JSON list of records. Each is parsed by itself, so that an error names its index
/// and field, and the others can do without it.
///
/// # Errors
/// When it is no list.
pub(crate) fn parse<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<Result<T, EvalError>>, EvalError> {
    let list: Vec<Value> = serde_json::from_slice(bytes)
        .map_err(|error| EvalError::Data { path: path.to_owned(), reason: error.to_string() })?;
    let parse = |(index, value): (usize, Value)| {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let reason = error.inner().to_string();
            let field = match error.path().to_string() {
                path if path == "." => missing(&reason),
                path => format!("{path}{}", missing_below(&reason)),
            };
            EvalError::Record { path: path.to_owned(), index, field, reason }
        })
    };
    Ok(list.into_iter().enumerate().map(parse).collect())
}

/// The field that a missing one's error names; the path ends above it.
fn missing(reason: &str) -> String {
    match reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        Some(field) => field.to_owned(),
        None => "(the record itself)".to_owned(),
    }
}

fn missing_below(reason: &str) -> String {
    if reason.starts_with("missing field `") { format!(".{}", missing(reason)) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CounterFact;

    #[test]
    fn a_malformed_record_is_told_by_index_and_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let good = r#"{"case_id": 7, "requested_rewrite": {"prompt": "{} is", "subject": "x",
            "target_new": {"str": "a"}, "target_true": {"str": "b"}}}"#;
        let broken = [
            (r#"{}"#, "case_id"),
            (r#"{"case_id": 1}"#, "requested_rewrite"),
            (r#"5"#, "(the record itself)"),
            (
                r#"{"case_id": 1, "requested_rewrite": {"prompt": "{} is", "target_new": {"str": "a"}, "target_true": {"str": "b"}}}"#,
                "requested_rewrite.subject",
            ),
            (
                r#"{"case_id": 1, "requested_rewrite": {"prompt": "{} is", "subject": "x", "target_new": {"str": 5}, "target_true": {"str": "b"}}}"#,
                "requested_rewrite.target_new.str",
            ),
        ];
        for (record, field) in broken {
            std::fs::write(&path, format!("[{good}, {record}, {good}]")).unwrap();
            let records = parse::<CounterFact>(&path, &read(&path).unwrap()).unwrap();
            assert!(records[0].is_ok() && records[2].is_ok());
            let Err(EvalError::Record { index: 1, field: found, .. }) = &records[1] else {
                panic!("{:?}", records[1]);
            };
            assert_eq!(found, field);
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(parse::<CounterFact>(&path, &read(&path).unwrap()), Err(EvalError::Data { .. })));
    }
}
