//! Edits in the forms of other tools.

use std::path::PathBuf;

use rome_core::{EditFile, Observer};
use rome_export::{Adapter, arrays, checkpoint};
use rome_files::NewFolder;
use rome_models::Source;
use rome_models::config::Config;
use serde::Serialize;

use crate::edits::{self, OtherModel};
use crate::error::Error;
use crate::model;

/// Edits to be written in the form of another tool.
#[derive(Debug, Clone)]
pub struct Export {
    /// The model that they are for, by its name.
    pub model: String,
    /// The edits.
    pub edits: EditFile,
    /// The form.
    pub format: ExportFormat,
    /// The folder to make; for arrays also the name of a file.
    pub output: PathBuf,
    /// The rank that an adapter has at most.
    pub max_rank: usize,
    /// The way with edits that were made for other weights, on which they may do nothing, or harm.
    pub other_model: OtherModel,
}

/// The forms that edits are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A complete folder in Hugging Face form, its weights edited.
    Hf,
    /// A PEFT adapter for the untouched checkpoint.
    Lora,
    /// Left and right vectors for numpy.
    Npz,
    /// The differences of the weights themselves.
    Safetensors,
}

/// An export that was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// The folder or the file.
    pub place: PathBuf,
    /// The number of edits in it.
    pub n_edits: usize,
    /// The size of the edits in it, in bytes; of a whole checkpoint it is not known.
    pub n_bytes: Option<usize>,
    /// The share of `‖ΔW‖` that an adapter leaves out, of the weight where it is largest, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<f64>,
}

impl Export {
    /// Writes the export, as a whole or not at all.
    ///
    /// # Errors
    /// When the edits are not of this model, there are none, the place is taken, or `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<ExportReport, Error> {
        let source = model::source(&self.model, observer)?;
        let mut left_out = None;
        let (place, n_bytes) = match self.format {
            ExportFormat::Hf => {
                self.write_checkpoint(&source, observer)?;
                (self.output.clone(), None)
            }
            ExportFormat::Lora => {
                let config = self.checked_config(&source, observer)?;
                let adapter = Adapter::new(&self.edits, &config, &self.model, self.max_rank)?;
                left_out = Some(adapter.left_out).filter(|&share| share > 0.0);
                adapter.write(&self.output)?;
                (self.output.clone(), Some(adapter.weights.len()))
            }
            ExportFormat::Npz => {
                let config = self.checked_config(&source, observer)?;
                self.write_file("edit.npz", &arrays::npz(&self.edits, &config)?)?
            }
            ExportFormat::Safetensors => {
                let config = self.checked_config(&source, observer)?;
                self.write_file("delta.safetensors", &arrays::dense(&self.edits, &config)?)?
            }
        };
        Ok(ExportReport { place, n_edits: self.edits.n_edits(), n_bytes, left_out })
    }

    /// Writes a checkpoint. It is read, and so hashed, while it is written.
    fn write_checkpoint(&self, source: &Source, observer: &mut dyn Observer) -> Result<(), Error> {
        if self.other_model == OtherModel::Refuse {
            checkpoint::write(source, &self.edits, &self.output, observer)?;
            return Ok(());
        }
        let hash = checkpoint::write_unchecked(source, &self.edits, &self.output, observer)?;
        edits::check_model(&self.edits, &hash, self.other_model)
    }

    /// Checks that the edits are of the model, and reads its configuration.
    fn checked_config(&self, source: &Source, observer: &mut dyn Observer) -> Result<Config, Error> {
        let hash = model::hash(source, observer)?;
        edits::check_model(&self.edits, &hash, self.other_model)?;
        Ok(Config::load(source)?)
    }

    /// Writes a file: the one that is named, or `name` in a folder.
    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(PathBuf, Option<usize>), Error> {
        if self.output.extension() == PathBuf::from(name).extension() {
            rome_files::write(&self.output, bytes)?;
            return Ok((self.output.clone(), Some(bytes.len())));
        }
        let folder = NewFolder::at(&self.output)?;
        folder.write(name, bytes)?;
        folder.finish()?;
        Ok((self.output.join(name), Some(bytes.len())))
    }
}
