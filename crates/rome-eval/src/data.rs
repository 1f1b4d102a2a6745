//! Files of records.

use std::path::Path;

use rome_files::read_bounded;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::EvalError;

/// CounterFact has 45 MB, zsRE's evaluation set 12.
const MAX_DATA: u64 = 1 << 30;

/// Reads a JSON list of records. Each is parsed by itself, so that a broken one is told by its index
/// and field, and the others can do without it.
///
/// # Errors
/// When the file cannot be read, or is no list.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<Result<T, EvalError>>, EvalError> {
    let bytes = read_bounded(path, MAX_DATA)?;
    let list: Vec<Value> = serde_json::from_slice(&bytes)
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
    match reason.starts_with("missing field `") {
        true => format!(".{}", missing(reason)),
        false => String::new(),
    }
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
            let records = read::<CounterFact>(&path).unwrap();
            assert!(records[0].is_ok() && records[2].is_ok());
            let Err(EvalError::Record { index: 1, field: found, .. }) = &records[1] else {
                panic!("{:?}", records[1]);
            };
            assert_eq!(found, field);
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(read::<CounterFact>(&path), Err(EvalError::Data { .. })));
    }
}
