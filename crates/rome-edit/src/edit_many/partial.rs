//! Partial results of a long run, saved beside the file that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rome_core::{EditFile, EditPart};

use crate::Error;
use crate::edits;

/// The file beside the output, `<output>.partial`.
pub(crate) struct PartialFile {
    pub(crate) path: PathBuf,
    every: Duration,
    last: Instant,
}

impl PartialFile {
    pub(crate) fn beside(output: &Path, every: Duration) -> Self {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        Self { path: output.with_file_name(name), every, last: Instant::now() }
    }

    /// The partial results of an interrupted run, if there are any.
    pub(crate) fn load(&self) -> Result<Option<EditPart>, Error> {
        if !self.path.is_file() {
            return Ok(None);
        }
        Ok(edits::read_with_values(&self.path)?.parts.into_iter().next())
    }

    pub(crate) fn save_if_due(&mut self, part: &EditPart) -> Result<(), Error> {
        if part.updates.is_empty() || !self.is_due() {
            return Ok(());
        }
        self.save(part)
    }

    /// True once in a while: it is time to save.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.last.elapsed() >= self.every;
        if is_due {
            self.last = Instant::now();
        }
        is_due
    }

    pub(crate) fn save(&self, part: &EditPart) -> Result<(), Error> {
        Ok(rome_files::write(&self.path, &EditFile::from(part.clone()).to_bytes()?)?)
    }

    /// Takes it away, once all is where it belongs.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
