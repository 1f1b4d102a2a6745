//! The result of one record, as `evaluate.py` of the reference writes it.

use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::rewrite::Rewrite;

/// The result of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The record's number.
    pub case_id: u64,
    /// The edit that it asks for.
    pub requested_rewrite: Rewrite,
    /// The time that the edit took, in seconds.
    pub time: f64,
    /// After the edit.
    pub post: Answers,
    /// Before it.
    pub pre: Answers,
}
