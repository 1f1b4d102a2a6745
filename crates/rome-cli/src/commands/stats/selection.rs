//! Files and layers as a user names them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::CliError;

/// Replaces patterns by the files that match them, in order of their names.
pub(crate) fn expand(texts: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for text in texts {
        let pattern =
            text.to_str().filter(|text| text.contains(['*', '?', '[']) && !Path::new(text).exists());
        let Some(pattern) = pattern else {
            files.push(text.clone());
            continue;
        };
        let matches = glob::glob(pattern).with_context(|| format!("{pattern:?} is not a pattern"))?;
        let before = files.len();
        for path in matches {
            files.push(path.with_context(|| format!("cannot look for {pattern:?}"))?);
        }
        if files.len() == before {
            return Err(CliError::with_hint(
                format!("no file matches {pattern:?}"),
                "give files or a pattern with --text",
            ));
        }
    }
    Ok(files)
}

/// Reads layers, with commas, or "all".
pub(crate) fn parse_layers(text: &str, n_layers: usize) -> Result<Vec<usize>> {
    if text == "all" {
        return Ok((0..n_layers).collect());
    }
    let layers: Result<Vec<usize>, _> = text.split(',').map(|layer| layer.trim().parse()).collect();
    let mut layers = layers.map_err(|_| {
        CliError::with_hint(format!("{text:?} is not a list of layers"), "write --layers 1,3 or --layers all")
    })?;
    layers.sort_unstable();
    layers.dedup();
    Ok(layers)
}
