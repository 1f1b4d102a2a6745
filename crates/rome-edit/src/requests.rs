//! Requests, contexts and KL prompts from files.

use std::path::Path;

use rome_core::{Context, KlPrompt, Request};
use rome_files::{JsonError, JsonFile, JsonItem};
use serde::de::DeserializeOwned;

use crate::error::{Error, InputError, RequestFileContent};

/// Requests, contexts and KL prompts are small; a larger file is something else.
const MAX_FILE: u64 = 256 << 20;

/// Reads one request, a list of them, or one a line.
///
/// # Errors
/// When the file is not there, has no requests, or one of them is malformed.
pub fn read(path: &Path) -> Result<Vec<Request>, Error> {
    read_each(path)?.into_iter().collect()
}

/// Reads the same, and a malformed request stands for itself.
///
/// # Errors
/// When the file is not there, is no JSON, or has no requests.
pub fn read_each(path: &Path) -> Result<Vec<Result<Request, Error>>, Error> {
    let requests = items(path, RequestFileContent::Requests)?;
    if requests.is_empty() {
        return Err(InputError::NoRequests { path: path.to_owned() }.into());
    }
    Ok(requests)
}

/// Reads a list of contexts.
///
/// # Errors
/// When the file is not there, or is no such list.
pub fn read_contexts(path: &Path) -> Result<Vec<Context>, Error> {
    read_items(path)
}

/// Reads a list of KL prompts.
///
/// # Errors
/// When the file is not there, or is no such list.
pub fn read_kl_prompts(path: &Path) -> Result<Vec<KlPrompt>, Error> {
    read_items(path)
}

/// Reads a list of contexts or groups of them, or anything like it.
pub(crate) fn read_items<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    items(path, RequestFileContent::Prompts)?.into_iter().collect()
}

/// The values of a file, each as a type of ours or with the reason why it is none.
fn items<T: DeserializeOwned>(
    path: &Path,
    holds: RequestFileContent,
) -> Result<Vec<Result<T, Error>>, Error> {
    let malformed = |error: JsonError| Error::from(InputError::RequestFile { error: Box::new(error), holds });
    let items = JsonFile::read(path, MAX_FILE)?.map_err(malformed)?.into_items();
    Ok(items.into_iter().map(|item| item.and_then(JsonItem::parse).map_err(malformed)).collect())
}
