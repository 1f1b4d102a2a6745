//! Files of edits as given on the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rome_core::{EditFile, EditPart};
use rome_files::read_bounded;
use rome_ledger::Ledger;
use rome_session::Model;
use rome_session::session::part_hash;

use crate::args::EditsArgs;
use crate::commands::edit::count;
use crate::error::CliError;
use crate::output::warning;

/// A file of edits larger than this is something else.
pub(crate) const MAX_EDIT_FILE: u64 = 1 << 30;

/// Edits, in the order that they are applied.
pub(crate) struct Edits {
    pub(crate) file: EditFile,
    /// Whether they may be applied to another model than the one they were made for.
    force: bool,
}

impl Edits {
    /// Reads files, and the edits that ledgers have on.
    pub(crate) fn read(paths: &[PathBuf], force: bool) -> Result<Self> {
        let files = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
        let file = EditFile::combine(files);
        let mut hashes = Vec::new();
        for part in &file.parts {
            // One made on the base model may well follow others; one made on others needs them.
            let on_top_of = &part.record.on_top_of;
            if !on_top_of.is_empty() && *on_top_of != hashes {
                warning(format!(
                    "{} was made on top of {} that are not the ones before it, so it may act otherwise",
                    name(part),
                    count(on_top_of.len(), "edit")
                ));
            }
            hashes.push(part_hash(part)?);
        }
        Ok(Self { file, force })
    }

    /// The hashes of the edits, each as a file of its own.
    pub(crate) fn hashes(&self) -> Result<Vec<String>> {
        Ok(self.file.parts.iter().map(part_hash).collect::<Result<_, _>>()?)
    }

    pub(crate) fn from_args(args: &EditsArgs) -> Result<Self> {
        Self::read(&args.edits, args.force)
    }

    /// Checks that the edits were made for a model, or says what it risks if they were not and are
    /// applied all the same.
    pub(crate) fn check(&self, model_hash: &str) -> Result<()> {
        match self.file.check_model(model_hash) {
            Err(error) if self.force => {
                warning(format!("{error}: on other weights it may do nothing, or harm"));
                Ok(())
            }
            result => Ok(result?),
        }
    }

    /// Puts the edits on a model.
    pub(crate) fn apply(&self, model: &mut Model) -> Result<()> {
        self.check(&model.pretrained.hash)?;
        self.file.apply_regardless(model.pretrained.model.as_mut())?;
        Ok(())
    }
}

/// Reads a file of edits, or those that a ledger has on.
pub(crate) fn read(path: &Path) -> Result<EditFile> {
    if Ledger::is_at(path) {
        return Ok(Ledger::open(path)?.edits()?);
    }
    if path.is_dir() {
        let what = format!("{} is a folder, and not a ledger's", path.display());
        return Err(CliError::with_hint(what, "give a file that rome edit has written, or a ledger"));
    }
    let bytes = read_bounded(path, MAX_EDIT_FILE)?;
    tracing::debug!("edits of {}: {} bytes", path.display(), bytes.len());
    EditFile::from_bytes(&bytes).with_context(|| path.display().to_string())
}

/// What edits made in one go are called in messages.
fn name(part: &EditPart) -> String {
    let first = part.record.edits.first().and_then(|entry| entry.request.as_ref());
    first.map_or("an imported edit".to_owned(), |request| format!("{:?}", request.to_string()))
}
