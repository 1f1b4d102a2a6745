//! The data sets that models are evaluated on.

use std::collections::BTreeSet;
use std::path::Path;

use crate::counterfact::CounterFact;
use crate::data;
use crate::error::EvalError;
use crate::record::Record;
use crate::zsre::ZsRe;

/// A data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// CounterFact, in the form of kmeng01/rome.
    CounterFact,
    /// zsRE, in the form of MEND's evaluation set.
    ZsRe,
}

/// A record, or the reason why it is malformed.
type RecordResult = Result<Box<dyn Record>, EvalError>;

impl Dataset {
    /// The name of the data set.
    pub fn name(self) -> &'static str {
        match self {
            Self::CounterFact => "counterfact",
            Self::ZsRe => "zsre",
        }
    }

    /// Reads a file of records, and returns them with its bytes. A broken one stands for itself,
    /// and so does a second one of a number.
    ///
    /// # Errors
    /// When the file cannot be read, or is no list.
    pub fn read(self, path: &Path) -> Result<(Vec<RecordResult>, Vec<u8>), EvalError> {
        let bytes = data::read(path)?;
        let mut records: Vec<RecordResult> = match self {
            Self::CounterFact => {
                let records = data::parse::<CounterFact>(path, &bytes)?;
                records.into_iter().map(|record| Ok(Box::new(record?) as Box<dyn Record>)).collect()
            }
            Self::ZsRe => {
                let records = data::parse::<ZsRe>(path, &bytes)?.into_iter().enumerate();
                records
                    .map(|(index, record)| {
                        let record = ZsRe { case_id: index as u64, ..record? };
                        Ok(Box::new(record) as Box<dyn Record>)
                    })
                    .collect()
            }
        };
        let mut seen = BTreeSet::new();
        for (index, read) in records.iter_mut().enumerate() {
            let Ok(record) = read else { continue };
            let case_id = record.case_id();
            if !seen.insert(case_id) {
                *read = Err(data::twice(path, index, "case_id", case_id));
                continue;
            }
            let fault = match record.rewrite().prompt.matches("{}").count() {
                1 if record.rewrite().target_new.str.trim().is_empty() => {
                    ("target_new", "it is empty".to_owned())
                }
                1 if record.rewrite().target_true.str.trim().is_empty() => {
                    ("target_true", "it is empty".to_owned())
                }
                1 => continue,
                n => ("prompt", format!("it has {n} {{}} where the subject goes")),
            };
            let (field, reason) = fault;
            let field = match self {
                Self::CounterFact => format!("requested_rewrite.{field}"),
                Self::ZsRe => "src".to_owned(),
            };
            *read = Err(EvalError::Record { path: path.to_owned(), index, field, reason });
        }
        Ok((records, bytes))
    }
}
