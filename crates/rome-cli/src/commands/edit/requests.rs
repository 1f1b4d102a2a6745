//! Requests as given: by options, or in a file.

use std::path::Path;

use anyhow::Result;
use rome_core::Request;
use rome_files::read_bounded;
use serde::de::DeserializeOwned;

use crate::args::RequestArgs;
use crate::error::CliError;

/// Requests, contexts and preservation prompts are small; a larger file is something else.
const MAX_JSON: u64 = 256 << 20;

pub(crate) fn from_args(args: &RequestArgs) -> Result<Vec<Request>> {
    if let Some(path) = &args.request {
        return read_requests(path);
    }
    match (&args.prompt, &args.subject, &args.target) {
        (Some(prompt), Some(subject), Some(target)) => Ok(vec![Request::text(prompt, subject, target)]),
        _ => Err(CliError::with_hint(
            "no request was given",
            "give --prompt, --subject and --target, or --request FILE",
        )),
    }
}

/// Reads one request, a list of them, or one a line.
pub(crate) fn read_requests(path: &Path) -> Result<Vec<Request>> {
    let bytes = read_bounded(path, MAX_JSON)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        CliError::with_hint(
            format!("{}: {error}", path.display()),
            "a request file is JSON or JSONL, in UTF-8",
        )
    })?;
    let requests = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(anyhow::Error::from)
    } else {
        serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(Into::into)
    };
    match requests {
        Ok(requests) if requests.is_empty() => {
            Err(CliError::with_hint(format!("{} has no requests", path.display()), "give at least one"))
        }
        Ok(requests) => Ok(requests),
        Err(error) => Err(CliError::with_hint(
            format!("{}: {error}", path.display()),
            "a request is {\"prompt\", \"subject\", \"target\"}; give one, a list, or one a line",
        )),
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read_bounded(path, MAX_JSON)?).map_err(|error| {
        CliError::with_hint(
            format!("{}: {error}", path.display()),
            "contexts are a JSON list of \"Some text. {}\" or token lists; preservation prompts of \"{} is a\", {\"prompt\", \"subject\"} or {\"tokens\", \"lookup\"}",
        )
    })
}
