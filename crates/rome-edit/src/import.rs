//! Edits of other tools.

use std::path::PathBuf;

use rome_core::Observer;
use rome_export::{Import, ImportedEdits, arrays};
use rome_files::read_bounded;

use crate::edits::MAX_EDIT_FILE;
use crate::session::MADE_BY;
use crate::{Error, model};

/// A file of arrays that holds edits of another tool, as vectors or as differences of weights.
#[derive(Debug, Clone)]
pub struct ImportEdits {
    /// The file, `.npz` or `.safetensors`.
    pub file: PathBuf,
    /// The model that they are for, by its name.
    pub model: String,
    /// Singular values up to this share of the largest are left out; the rounding of f32 by default.
    pub tolerance: Option<f64>,
    /// Differences are stored the other way round than the model's weights.
    pub transposed: bool,
}

impl ImportEdits {
    /// Reads the edits and describes them for the model.
    ///
    /// # Errors
    /// When the file holds no edits of this model, or `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<ImportedEdits, Error> {
        let place = self.file.display().to_string();
        let bytes = read_bounded(&self.file, MAX_EDIT_FILE)?;
        let is_npz = self.file.extension().is_some_and(|extension| extension == "npz");
        let arrays = if is_npz { arrays::read_npz(&bytes) } else { arrays::read_safetensors(&bytes) };
        let source = model::source(&self.model, observer)?;
        let import = Import {
            source: &source,
            from: &place,
            made_by: MADE_BY,
            tolerance: self.tolerance,
            transposed: self.transposed,
        };
        let imported = arrays.and_then(|arrays| import.run(arrays, observer));
        imported.map_err(|error| Error::from(error).at(&place))
    }
}
