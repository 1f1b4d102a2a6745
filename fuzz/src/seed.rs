//! Seeds that inputs are made of.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::{Files, Target};

/// An input that others are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Its name.
    pub name: String,
    /// Its files.
    pub files: Files,
    /// True if it is one that is refused as it is, as those of `seeds/<target>` mostly are.
    pub is_attack: bool,
}

impl Seed {
    /// A seed by its name.
    pub fn new(name: &str, files: Files) -> Self {
        Self { name: name.to_owned(), files, is_attack: false }
    }

    /// All seeds of a target: its own, and those of `seeds/<target>`, where a folder holds the files that
    /// differ from the target's first seed, and a file is the only one of a target that has one.
    ///
    /// # Errors
    /// When they cannot be made or read.
    pub fn all(target: &Target) -> Result<Vec<Self>> {
        let mut seeds = (target.seeds)().with_context(|| format!("the seeds of {}", target.name))?;
        let first = seeds.first().cloned().with_context(|| format!("{} has no seed", target.name))?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
        if !folder.is_dir() {
            return Ok(seeds);
        }
        let mut paths: Vec<_> =
            fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            let changes = if path.is_dir() {
                Files::read(&path)?
            } else {
                Files::one(first.files.0.first().map_or("file", |(name, _)| name), fs::read(&path)?)
            };
            let files = changes
                .0
                .into_iter()
                .fold(first.files.clone(), |files, (name, bytes)| files.with(&name, bytes));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            seeds.push(Self { is_attack: true, ..Self::new(&name, files) });
        }
        Ok(seeds)
    }
}
