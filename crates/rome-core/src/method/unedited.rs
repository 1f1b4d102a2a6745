//! No edit at all.

use super::{Edit, EditError, EditMethod, EditableModel, MethodSettings};
use crate::observer::Observer;
use crate::request::TokenizedRequest;

/// The method that changes nothing: what others are compared with.
pub struct Unedited;

impl EditMethod for Unedited {
    fn name(&self) -> &str {
        "unedited"
    }

    fn settings(&self) -> MethodSettings {
        MethodSettings::Other(serde_json::Value::Null)
    }

    fn layers(&self) -> &[usize] {
        &[]
    }

    fn needs_statistics(&self) -> bool {
        false
    }

    fn needs_contexts(&self) -> bool {
        false
    }

    fn edit(
        &mut self,
        _model: &mut EditableModel<'_>,
        _requests: &[TokenizedRequest],
        _observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        Ok(Vec::new())
    }
}
