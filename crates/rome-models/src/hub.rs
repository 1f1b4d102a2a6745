//! Models of the Hugging Face hub, in the cache that its other tools share.

use std::path::PathBuf;

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use rome_core::{Event, Observer, Progress, Stopped, Unit};

use crate::checkpoint::{INDICES, WEIGHTS, shards};
use crate::hub_name::HubName;
use crate::hub_settings::HubSettings;
use crate::{ModelError, Source, tokenizer_settings};

/// Brings the files of a model into the cache, unless they are there, and returns their folder.
pub(crate) fn fetch(name: &HubName, observer: &mut dyn Observer) -> Result<PathBuf, ModelError> {
    let settings = HubSettings::from_env();
    let (revision, settings) = (name.revision.as_str(), &settings);
    let repos = name.repos.iter().map(|name| HubRepo { name, revision, settings });
    let repos: Vec<HubRepo<'_>> = repos.collect();
    let cached = repos.iter().find(|repo| repo.cached("config.json").is_some());
    let mut download = Download { repo: cached.unwrap_or(&repos[0]), files: None, observer };
    download.need(&["config.json"])?;
    if download.need(&["tokenizer.json", "vocab.json"])?.1 == "vocab.json" {
        download.need(&["merges.txt"])?;
    }
    let (path, weights) = download.need(&WEIGHTS)?;
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    if INDICES.contains(&weights) {
        for shard in shards(&Source::Folder(folder.clone()), weights)? {
            download.need(&[&shard])?;
        }
    }
    for file in tokenizer_settings::FILES.into_iter().chain(["generation_config.json"]) {
        download.take_if_there(file)?;
    }
    Ok(folder)
}

/// A repository of the hub at a revision.
struct HubRepo<'a> {
    name: &'a str,
    revision: &'a str,
    settings: &'a HubSettings,
}

impl HubRepo<'_> {
    fn id(&self) -> Repo {
        Repo::with_revision(self.name.to_owned(), RepoType::Model, self.revision.to_owned())
    }

    /// The path of a file in the cache, by its branch or by its commit.
    fn cached(&self, file: &str) -> Option<PathBuf> {
        let cache = Cache::new(self.settings.cache.clone()).repo(self.id());
        let of_commit = || Some(cache.pointer_path(self.revision).join(file)).filter(|path| path.exists());
        cache.get(file).or_else(of_commit)
    }

    fn api(&self) -> Result<ApiRepo, ApiError> {
        let builder = ApiBuilder::from_env()
            .with_progress(false)
            .with_cache_dir(self.settings.cache.clone())
            .with_token(self.settings.token.clone());
        Ok(builder.build()?.repo(self.id()))
    }
}

/// Files of a repository brought into the cache.
struct Download<'a> {
    repo: &'a HubRepo<'a>,
    /// The files on the hub, asked for when one is not in the cache.
    files: Option<Vec<String>>,
    observer: &'a mut dyn Observer,
}

impl Download<'_> {
    /// Returns the first of `names` that is in the cache, or else the first that the hub has.
    fn need<'n>(&mut self, names: &[&'n str]) -> Result<(PathBuf, &'n str), ModelError> {
        if let Some(found) = names.iter().find_map(|&name| Some((self.repo.cached(name)?, name))) {
            return Ok(found);
        }
        let (name, wanted) = (self.repo.name.to_owned(), names.join(" or "));
        if let Some(variable) = self.repo.settings.offline {
            return Err(ModelError::Offline { name, file: wanted, variable });
        }
        let failed = |error: ApiError| ModelError::Fetch {
            name: name.clone(),
            file: wanted.clone(),
            reason: error.to_string(),
        };
        let api = self.repo.api().map_err(failed)?;
        if self.files.is_none() {
            let info = api.info().map_err(failed)?;
            self.files = Some(info.siblings.into_iter().map(|file| file.rfilename).collect());
        }
        let files = self.files.as_deref().unwrap_or_default();
        let Some(file) = names.iter().copied().find(|name| files.iter().any(|file| file == name)) else {
            return Err(ModelError::MissingFile { place: name, file: wanted });
        };
        let mut is_stopped = false;
        let bar = Bar { file, done: 0, total: 0, observer: self.observer, is_stopped: &mut is_stopped };
        let path = api.download_with_progress(file, bar).map_err(failed)?;
        // The library that fetches cannot be stopped within a file.
        if is_stopped { Err(Stopped.into()) } else { Ok((path, file)) }
    }

    /// Fetches a file that a model need not have, if the hub was asked for its files anyway.
    fn take_if_there(&mut self, file: &str) -> Result<(), ModelError> {
        let is_there = self.files.iter().flatten().any(|there| there == file);
        if is_there {
            self.need(&[file])?;
        }
        Ok(())
    }
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
