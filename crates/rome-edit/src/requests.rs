//! Requests, contexts and KL prompts from files.

use std::path::Path;

use rome_core::{Context, KlPrompt, Request};
use rome_files::read_bounded;
use serde::de::DeserializeOwned;

use crate::error::{Error, InputError, RequestFileContent};

/// Requests, contexts and KL prompts are small; a larger file is something else.
const MAX_FILE: u64 = 256 << 20;

/// Reads one request, a list of them, or one a line.
///
/// # Errors
/// When the file is not there, has no requests, or one of them is malformed.
pub fn read(path: &Path) -> Result<Vec<Request>, Error> {
    let malformed = |reason: String| InputError::RequestFile {
        path: path.to_owned(),
        reason,
        holds: RequestFileContent::Requests,
    };
    let bytes = read_bounded(path, MAX_FILE)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
    let requests: Result<Vec<Request>, _> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::Deserializer::from_str(text).into_iter().collect()
    };
    let requests = requests.map_err(|error| malformed(error.to_string()))?;
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
    read_list(path)
}

/// Reads a list of KL prompts.
///
/// # Errors
/// When the file is not there, or is no such list.
pub fn read_kl_prompts(path: &Path) -> Result<Vec<KlPrompt>, Error> {
    read_list(path)
}

fn read_list<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let bytes = read_bounded(path, MAX_FILE)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let (path, reason) = (path.to_owned(), error.to_string());
        InputError::RequestFile { path, reason, holds: RequestFileContent::Prompts }.into()
    })
}
