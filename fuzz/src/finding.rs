//! Failures that a campaign looks for.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Files;

/// A failure that a campaign found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind of failure.
    pub kind: Kind,
    /// The place or the amount: the same for inputs that fail in the same way.
    pub what: String,
}

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A panic.
    Panic,
    /// More memory than stated.
    Memory,
    /// More time than stated.
    Time,
    /// The process ended: its stack was used up, or memory was refused.
    Crash,
    /// Something was taken that should have been refused.
    Broken,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Memory => "memory",
            Self::Time => "time",
            Self::Crash => "crash",
            Self::Broken => "broken",
        }
    }
}

impl Finding {
    /// True if another input fails in the same way. How much memory or time it takes may differ.
    pub fn is_like(&self, other: &Self) -> bool {
        match self.kind {
            Kind::Memory | Kind::Time => self.kind == other.kind,
            _ => self == other,
        }
    }

    /// Keeps an input that leads to it, with a note, and returns the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, target: &str, files: &Files, note: &str) -> io::Result<PathBuf> {
        let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings").join(target);
        fs::create_dir_all(&parent)?;
        let folder = (1..).map(|number| parent.join(format!("{}-{number}", self.kind.name())));
        let folder = folder.into_iter().find(|folder| !folder.exists()).unwrap_or(parent);
        files.write(&folder.join("files"))?;
        fs::write(folder.join("note.txt"), format!("{self}\n\n{note}\n"))?;
        Ok(folder)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.what)
    }
}
