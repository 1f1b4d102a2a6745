//! Partial results of a long run, saved beside the file that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rome_core::{EditFile, EditPart};

use crate::Error;
use crate::edits;

/// The file beside the output, `<output>.partial`.
pub(super) struct PartialFile {
    pub(super) path: PathBuf,
    every: Duration,
    last: Instant,
}

impl PartialFile {
    pub(super) fn beside(output: &Path, every: Duration) -> Self {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        Self { path: output.with_file_name(name), every, last: Instant::now() }
    }

    /// The partial results of an interrupted run, if there are any.
    pub(super) fn load(&self) -> Result<Option<EditPart>, Error> {
        if self.path.is_file() { Ok(edits::read(&self.path)?.parts.into_iter().next()) } else { Ok(None) }
    }

    pub(super) fn save_if_due(&mut self, part: &EditPart) -> Result<(), Error> {
        if part.updates.is_empty() || self.last.elapsed() < self.every {
            return Ok(());
        }
        self.last = Instant::now();
        self.save(part)
    }

    pub(super) fn save(&self, part: &EditPart) -> Result<(), Error> {
        Ok(rome_files::write(&self.path, &EditFile::from(part.clone()).to_bytes()?)?)
    }

    /// Takes it away, once all is where it belongs.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
