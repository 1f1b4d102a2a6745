//! What there is of a long run, saved beside the file that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use rome_core::{EditFile, EditPart};

use crate::edits;
use crate::output;

pub(crate) struct Saved {
    path: PathBuf,
    /// No more work than this is lost to an interruption, but for the request being edited.
    every: Duration,
    last: Instant,
}

impl Saved {
    pub(crate) fn beside(output: &Path, every: Duration) -> Self {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        Self { path: output.with_file_name(name), every, last: Instant::now() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// What an interrupted run has left, if there was one.
    pub(crate) fn load(&self) -> Result<Option<EditPart>> {
        match self.path.is_file() {
            true => Ok(edits::read(&self.path)?.parts.into_iter().next()),
            false => Ok(None),
        }
    }

    pub(crate) fn save_if_due(&mut self, part: &EditPart) -> Result<()> {
        if part.updates.is_empty() || self.last.elapsed() < self.every {
            return Ok(());
        }
        self.last = Instant::now();
        self.save(part)
    }

    pub(crate) fn save(&self, part: &EditPart) -> Result<()> {
        output::write_file(&self.path, &EditFile::from(part.clone()).to_bytes()?)
    }

    /// Takes it away, once all is where it belongs.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
