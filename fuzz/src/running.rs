//! The input that is being read, for when the process does not outlive it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Bound, Files, files, memory};

/// The exit code for an input that takes too long.
pub const EXIT_TIME: i32 = 42;

/// The exit code for an input that takes too much memory.
pub const EXIT_MEMORY: i32 = 43;

/// More than a bound allows, and few enough for a small machine.
const MOST_MEMORY: usize = 6 << 30;

/// Keeps the input that is being read, and ends the process when it takes far too much.
pub struct Running {
    folder: PathBuf,
    since: Arc<Mutex<Option<Instant>>>,
}

impl Running {
    /// Starts to watch inputs of a target. They are kept in `folder`, or in a folder of the process.
    pub fn new(target: &'static str, bound: Bound, folder: Option<PathBuf>) -> Self {
        let default = || files::scratch().join(format!("rome-fuzz-{}-{target}", std::process::id()));
        let folder = folder.unwrap_or_else(default);
        let since = Arc::new(Mutex::new(None));
        let (watched, place) = (Arc::downgrade(&since), folder.clone());
        thread::spawn(move || {
            while let Some(since) = watched.upgrade() {
                // Held to the end, so that the input which is kept is the one that is meant.
                let started = since.lock().unwrap_or_else(PoisonError::into_inner);
                let too_long = started.is_some_and(|started: Instant| started.elapsed() > 3 * bound.time);
                let too_much = started.is_some() && memory::held() > MOST_MEMORY;
                if too_long || too_much {
                    let what = if too_much { "memory" } else { "time" };
                    eprintln!("fuzz: {target}: too much {what}; the input is in {}", place.display());
                    std::process::exit(if too_much { EXIT_MEMORY } else { EXIT_TIME });
                }
                drop(started);
                drop(since);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self { folder, since }
    }

    /// Notes that an input is being read.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn begin(&self, files: &Files) -> io::Result<()> {
        // A file that the input lacks may be there from the one before.
        let _ = std::fs::remove_dir_all(&self.folder);
        files.write(&self.folder)?;
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// Notes that it has been.
    pub fn end(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The folder of the input.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
