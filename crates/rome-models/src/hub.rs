//! Models of the Hugging Face hub, in the cache that its other tools share.

use std::path::PathBuf;

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo};
use rome_core::{Event, Observer, Progress, Stopped, Unit};

use crate::checkpoint::{INDICES, WEIGHTS, shards};
use crate::{ModelError, Source};

/// True if a name has the form `owner/model` and no part that would be a path.
pub(crate) fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split_once('/').is_some_and(|(owner, model)| is_part(owner) && is_part(model))
}

/// Brings the files of a model into the cache, unless they are there, and returns their folder.
pub(crate) fn fetch(name: &str, observer: &mut dyn Observer) -> Result<PathBuf, ModelError> {
    let mut repo = Repo { name, cache: Cache::from_env().model(name.to_owned()), files: None, observer };
    repo.need(&["config.json"])?;
    if repo.need(&["tokenizer.json", "vocab.json"])?.1 == "vocab.json" {
        repo.need(&["merges.txt"])?;
    }
    let (path, weights) = repo.need(&WEIGHTS)?;
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    if INDICES.contains(&weights) {
        for shard in shards(&Source::Folder(folder.clone()), weights)? {
            repo.need(&[&shard])?;
        }
    }
    Ok(folder)
}

struct Repo<'a> {
    name: &'a str,
    cache: CacheRepo,
    /// The files on the hub, asked for when one is not in the cache.
    files: Option<Vec<String>>,
    observer: &'a mut dyn Observer,
}

impl Repo<'_> {
    /// Returns the first of `names` that is in the cache, or else the first that the hub has.
    fn need<'n>(&mut self, names: &[&'n str]) -> Result<(PathBuf, &'n str), ModelError> {
        if let Some(found) = names.iter().find_map(|&name| Some((self.cache.get(name)?, name))) {
            return Ok(found);
        }
        let wanted = names.join(" or ");
        let (repo, name) = (self.name, self.name.to_owned());
        let failed = |error: ApiError| ModelError::Fetch {
            name: name.clone(),
            file: wanted.clone(),
            reason: error.to_string(),
        };
        let api = api(repo).map_err(failed)?;
        if self.files.is_none() {
            let info = api.info().map_err(failed)?;
            self.files = Some(info.siblings.into_iter().map(|file| file.rfilename).collect());
        }
        let files = self.files.as_deref().unwrap_or_default();
        let Some(file) = names.iter().copied().find(|name| files.iter().any(|file| file == name)) else {
            return Err(ModelError::MissingFile { place: repo.to_owned(), file: wanted });
        };
        let mut is_stopped = false;
        let bar = Bar { file, done: 0, total: 0, observer: self.observer, is_stopped: &mut is_stopped };
        let path = api.download_with_progress(file, bar).map_err(failed)?;
        // The library that fetches cannot be stopped within a file.
        if is_stopped { Err(Stopped.into()) } else { Ok((path, file)) }
    }
}

fn api(name: &str) -> Result<ApiRepo, ApiError> {
    Ok(ApiBuilder::from_env().with_progress(false).build()?.model(name.to_owned()))
}

struct Bar<'a> {
    file: &'a str,
    done: u64,
    total: u64,
    observer: &'a mut dyn Observer,
    is_stopped: &'a mut bool,
}

impl hf_hub::api::Progress for Bar<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.total = size as u64;
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        let (done, total) = (self.done, self.total);
        let progress = Progress { unit: Unit::FetchedBytes, done, total, detail: self.file };
        *self.is_stopped |= self.observer.tell(Event::Progress(progress)).is_err();
    }

    fn finish(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_names_are_told_from_paths() {
        assert!(is_name("openai-community/gpt2-xl"));
        assert!(is_name("EleutherAI/gpt-j-6b"));
        for path in ["./gpt2", "../gpt2", "/models/gpt2", "a/b/c", "models\\gpt2", "gpt2", "x/.."] {
            assert!(!is_name(path), "{path}");
        }
    }
}
