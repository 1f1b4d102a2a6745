//! The files of an input.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The files of an input, by their names in its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(pub Vec<(String, Vec<u8>)>);

impl Files {
    /// A single file.
    pub fn one(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::default().with(name, bytes)
    }

    /// The same with a file more, or with another one of its name.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), bytes.into()));
        self.0.sort();
        self
    }

    /// The bytes of a file; none of one that is not there.
    pub fn get(&self, name: &str) -> &[u8] {
        self.0.iter().find(|(other, _)| other == name).map_or(&[], |(_, bytes)| bytes)
    }

    /// The bytes of the only file.
    pub fn bytes(&self) -> &[u8] {
        self.0.first().map_or(&[], |(_, bytes)| bytes)
    }

    /// The bytes of a file as text, as far as they are.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.get(name)).into_owned()
    }

    /// The number of bytes of all of them.
    pub fn n_bytes(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Writes them into a folder.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }

    /// Reads all files under a folder.
    ///
    /// # Errors
    /// When that fails.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(&at)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
                    files.0.push((name, fs::read(&path)?));
                }
            }
        }
        files.0.sort();
        Ok(files)
    }

    /// Writes them into a folder of their own, which is gone with the value.
    ///
    /// # Errors
    /// When that fails.
    pub fn folder(&self) -> io::Result<TempDir> {
        let folder = tempfile::tempdir_in(scratch())?;
        self.write(folder.path())?;
        Ok(folder)
    }
}

/// The folder for short-lived files: in memory, if the system has such a place.
pub fn scratch() -> PathBuf {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => memory.to_owned(),
        _ => std::env::temp_dir(),
    }
}
