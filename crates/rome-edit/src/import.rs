//! Edits of other tools.

use std::path::PathBuf;

use rome_core::Observer;
use rome_export::arrays::{self, Array};
use rome_export::lora::{self, LoraSettings};
use rome_export::{ExportError, Import, ImportedEdits};
use rome_files::{folder_of, read_bounded};

use crate::edits::MAX_EDIT_FILE;
use crate::session::MADE_BY;
use crate::{Error, model};

/// No `adapter_config.json` comes near this.
const MAX_SETTINGS: u64 = 16 << 20;

/// A file of arrays that holds edits of another tool, as vectors or as differences of weights.
#[derive(Debug, Clone)]
pub struct ImportEdits {
    /// The file: `.npz`, `.safetensors` or `.pt`; or the folder of an adapter of PEFT.
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
        let arrays = self.arrays();
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

    /// The arrays of the file, or of the adapter that it is a part of.
    fn arrays(&self) -> Result<Vec<Array>, ExportError> {
        const WEIGHTS: &str = "adapter_model.safetensors";
        let (folder, file) = if self.file.is_dir() {
            (self.file.clone(), self.file.join(WEIGHTS))
        } else {
            (folder_of(&self.file), self.file.clone())
        };
        let bytes = read_bounded(&file, MAX_EDIT_FILE)?;
        let is_npz = file.extension().is_some_and(|extension| extension == "npz");
        let arrays = match bytes.as_slice() {
            [b'P', b'K', ..] if is_npz => arrays::read_npz(&bytes)?,
            // A pickle, by itself or in an archive.
            [b'P', b'K', ..] | [0x80, ..] => arrays::read_pytorch(&file)?,
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
                let reason =
                    "a .npy file does not name its array: save it with numpy.savez, under the weight's name";
                return Err(ExportError::Format(reason.to_owned()));
            }
            _ => arrays::read_safetensors(&bytes)?,
        };
        if lora::is_adapter(&arrays) {
            let settings = read_bounded(&folder.join("adapter_config.json"), MAX_SETTINGS)?;
            return lora::vectors(arrays, &LoraSettings::parse(&settings)?);
        }
        Ok(arrays)
    }
}
