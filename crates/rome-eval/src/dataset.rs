//! The data sets that models are evaluated on.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{CounterFact, EvalError, Record, ZsRe, data};

/// A data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// CounterFact, in the form of kmeng01/rome.
    CounterFact,
    /// zsRE, in the form of MEND's evaluation set.
    ZsRe,
}

/// A record, or why it is none.
type Read = Result<Box<dyn Record>, EvalError>;

impl Dataset {
    /// The name of the data set.
    pub fn name(self) -> &'static str {
        match self {
            Self::CounterFact => "counterfact",
            Self::ZsRe => "zsre",
        }
    }

    /// Reads a file of records. A broken one stands for itself; two of one number are an error.
    ///
    /// # Errors
    /// When the file cannot be read, or is no list.
    pub fn read(self, path: &Path) -> Result<Vec<Read>, EvalError> {
        let mut records: Vec<Read> = match self {
            Self::CounterFact => {
                let records = data::read::<CounterFact>(path)?;
                records.into_iter().map(|record| Ok(Box::new(record?) as Box<dyn Record>)).collect()
            }
            Self::ZsRe => {
                let records = data::read::<ZsRe>(path)?.into_iter().enumerate();
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
            let fault = match record.rewrite().prompt.matches("{}").count() {
                _ if !seen.insert(case_id) => {
                    Some(("case_id", format!("{case_id} is there already, and results are told apart by it")))
                }
                1 => None,
                n => Some(("requested_rewrite.prompt", format!("it has {n} {{}} where the subject goes"))),
            };
            if let Some((field, reason)) = fault {
                let (path, field) = (path.to_owned(), field.to_owned());
                *read = Err(EvalError::Record { path, index, field, reason });
            }
        }
        Ok(records)
    }
}
