//! Edits from files and ledgers, in the order that they are applied.

use std::path::{Path, PathBuf};

use rome_core::{EditFile, EditPart, ModelHash};
use rome_files::read_bounded;
use rome_ledger::Ledger;

use crate::error::{Error, InputError};

/// A file of edits larger than this is something else.
pub const MAX_EDIT_FILE: u64 = 1 << 30;

/// Reads a file of edits, or those that a ledger has on.
///
/// # Errors
/// When it is neither, or cannot be read.
pub fn read(path: &Path) -> Result<EditFile, Error> {
    if Ledger::is_at(path) {
        return Ok(Ledger::open(path)?.edits()?);
    }
    if path.is_dir() {
        return Err(InputError::EditsFolder { path: path.to_owned() }.into());
    }
    let file = read_with_values(path)?;
    if file.edits().next().is_none() {
        return Err(InputError::ValuesAlone { path: path.to_owned() }.into());
    }
    Ok(file)
}

/// Reads a file of edits, or of values of facts that are still to be edited.
///
/// # Errors
/// When it is neither, or cannot be read.
pub(crate) fn read_with_values(path: &Path) -> Result<EditFile, Error> {
    let bytes = read_bounded(path, MAX_EDIT_FILE)?;
    tracing::debug!("edits of {}: {} bytes", path.display(), bytes.len());
    EditFile::from_bytes(&bytes).map_err(|error| Error::from(error).at(path.display()))
}

/// Reads files of edits and ledgers, in order, and warns of edits that were made on top of others than those
/// before them.
///
/// # Errors
/// As [`read`].
pub fn read_all(paths: &[PathBuf]) -> Result<EditFile, Error> {
    let files = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let file = EditFile::combine(files);
    let mut hashes = Vec::new();
    for part in &file.parts {
        // One made on the base model may well follow others; one made on others needs them.
        let on_top_of = &part.record.on_top_of;
        if !on_top_of.is_empty() && *on_top_of != hashes {
            let (n_edits, plural) = (on_top_of.len(), if on_top_of.len() == 1 { "" } else { "s" });
            tracing::warn!(
                "{} was made on top of {n_edits} edit{plural} that are not the ones before it, so it may act otherwise",
                name(part),
            );
        }
        hashes.push(part_hash(part)?);
    }
    Ok(file)
}

/// The way with edits that were made for another model than the one at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherModel {
    /// They are an error.
    Refuse,
    /// They are warned of.
    Warn,
}

/// Checks that edits were made for a model.
///
/// # Errors
/// When they were made for another one, which is refused.
pub fn check_model(edits: &EditFile, hash: &ModelHash, other: OtherModel) -> Result<(), Error> {
    match (edits.check_model(hash), other) {
        (Err(error), OtherModel::Warn) => {
            tracing::warn!("{error}: on other weights it may do nothing, or harm");
            Ok(())
        }
        (result, _) => Ok(result?),
    }
}

/// The hash of edits made in one go, as a file of their own: BLAKE3 in hexadecimal.
///
/// # Errors
/// When they cannot be written.
pub fn part_hash(part: &EditPart) -> Result<String, Error> {
    let bytes = EditFile::from(part.clone()).to_bytes()?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// The hashes of the parts of a file, each as a file of its own.
///
/// # Errors
/// As [`part_hash`].
pub fn part_hashes(file: &EditFile) -> Result<Vec<String>, Error> {
    file.parts.iter().map(part_hash).collect()
}

/// The name of the edits of one run, for messages.
fn name(part: &EditPart) -> String {
    let first = part.record.edits.first().and_then(|entry| entry.request.as_ref());
    first.map_or("an imported edit".to_owned(), |request| format!("{:?}", request.to_string()))
}
