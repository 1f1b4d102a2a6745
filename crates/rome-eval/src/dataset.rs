//! The data sets that models are evaluated on.

use std::path::Path;

use rome_files::{JsonError, JsonPlace};

use crate::counterfact::CounterFact;
use crate::data::{self, PlacedRecord};
use crate::error::EvalError;
use crate::other_forms;
use crate::record::Record;
use crate::rewrite::{Rewrite, Target};
use crate::zsre::ZsRe;

/// A data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// CounterFact, in the form of kmeng01/rome, or of EasyEdit, KnowEdit or counterfact-tracing.
    CounterFact,
    /// zsRE, in the form of MEND's evaluation set, or of KnowEdit.
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

    /// Reads a file of records, and returns them with its text. A broken one stands for itself, and so does a
    /// second one of a number.
    ///
    /// # Errors
    /// When the file cannot be read, or is no JSON.
    pub fn read(self, path: &Path) -> Result<(Vec<RecordResult>, String), EvalError> {
        let mut file = data::read(path)?;
        let text = std::mem::take(&mut file.text);
        let records: Vec<(_, RecordResult)> = match self {
            Self::CounterFact => {
                let number = |record: &CounterFact| record.case_id;
                boxed(data::parse(file, "case_id", number, other_forms::counterfact))
            }
            Self::ZsRe => {
                boxed(data::parse(file, "case_id", |record: &ZsRe| record.case_id, other_forms::zsre))
            }
        };
        let check = |(place, record): (Option<JsonPlace>, RecordResult)| {
            let record = record?;
            let Some((field, reason)) = fault(record.rewrite()) else { return Ok(record) };
            let field = match self {
                Self::CounterFact => format!("requested_rewrite.{field}"),
                Self::ZsRe => "src".to_owned(),
            };
            Err(JsonError { path: path.to_owned(), place, field: Some(field), reason }.into())
        };
        Ok((records.into_iter().map(check).collect(), text))
    }
}

fn boxed<T: Record + 'static>(records: Vec<PlacedRecord<T>>) -> Vec<(Option<JsonPlace>, RecordResult)> {
    let boxed = |record: T| Box::new(record) as Box<dyn Record>;
    records.into_iter().map(|(place, record)| (place, record.map(boxed))).collect()
}

/// A field of an edit that makes no sense, and why.
fn fault(rewrite: &Rewrite) -> Option<(&'static str, String)> {
    let is_empty = |target: &Target| target.str.trim().is_empty();
    match rewrite.prompt.matches("{}").count() {
        1 if is_empty(&rewrite.target_new) => Some(("target_new", "it is empty".to_owned())),
        1 if is_empty(&rewrite.target_true) => Some(("target_true", "it is empty".to_owned())),
        1 => None,
        n => Some(("prompt", format!("it has {n} {{}} where the subject goes"))),
    }
}
