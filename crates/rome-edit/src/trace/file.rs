//! Traces of a prompt as a file.

use std::path::Path;

use rome_eval::trace::{Trace, heat_map};
use rome_plot::beside;
use serde_json::{Map, Value, json};

use super::error::TraceError;
use crate::pictures::PictureForm;
use crate::{Error, Model};

/// The form of a file of traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TraceForm {
    Json,
    Picture(PictureForm),
}

impl TraceForm {
    /// The form that the ending of a file's name says.
    ///
    /// # Errors
    /// [`TraceError::Form`]
    pub(super) fn of(path: &Path) -> Result<Self, TraceError> {
        if path.extension().is_some_and(|ending| ending == "json") {
            return Ok(Self::Json);
        }
        let form = PictureForm::of(path).map(Self::Picture);
        form.ok_or_else(|| TraceError::Form { path: path.to_owned() })
    }

    /// The bytes of a file of traces.
    pub(super) fn bytes(self, traces: &[Trace], model: &Model) -> Result<Vec<u8>, Error> {
        match self {
            Self::Json => Ok(format!("{}\n", as_json(traces)).into_bytes()),
            Self::Picture(form) => {
                let maps = traces.iter().map(|trace| heat_map(trace, &label(model)).to_svg());
                form.bytes(&beside(&maps.collect::<Result<Vec<_>, _>>()?)?)
            }
        }
    }
}

/// One trace as the object itself, several by their kinds.
pub(super) fn as_json(traces: &[Trace]) -> Value {
    match traces {
        [trace] => json!(trace),
        traces => {
            let by_kind = traces.iter().map(|trace| (trace.kind.name().to_owned(), json!(trace)));
            by_kind.collect::<Map<_, _>>().into()
        }
    }
}

/// The name of a model in a picture.
pub(super) fn label(model: &Model) -> String {
    let name = Path::new(&model.name).file_name();
    name.map_or_else(|| model.name.clone(), |name| name.to_string_lossy().into_owned())
}
