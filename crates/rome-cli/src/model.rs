//! Models by the names that arguments give them, with bars for what takes time.

use anyhow::Result;
use burn::prelude::Device;
use rome_core::Precision;
use rome_models::config::Config;
use rome_models::progress::Progress as Loading;
use rome_models::{CheckpointFiles, Source};
use rome_session::{Model, SessionError};

use crate::args::{DeviceArgs, ModelArgs};
use crate::output::Progress;

pub(crate) fn load(args: &ModelArgs) -> Result<Model> {
    load_named(&args.model, &args.device)
}

pub(crate) fn load_named(name: &str, args: &DeviceArgs) -> Result<Model> {
    Ok(load_on(name, &args.device()?, args.dtype.into())?)
}

pub(crate) fn load_on(name: &str, device: &Device, precision: Precision) -> Result<Model, SessionError> {
    let mut bar = ByteProgress::default();
    Model::load(name, device, precision, &mut |progress| bar.set(progress))
}

/// Where the files of a model are.
pub(crate) fn source(name: &str) -> Result<Source, SessionError> {
    let mut bar = ByteProgress::default();
    rome_session::model::source(name, &mut |progress| bar.set(progress))
}

/// The hash of a model that is not loaded otherwise.
pub(crate) fn hash(source: &Source) -> Result<String> {
    let mut bar = ByteProgress::default();
    let config = Config::load(source)?;
    Ok(CheckpointFiles::open(source)?.hash(&config, &mut |progress| bar.set(progress))?)
}

/// A bar for fetching and reading, anew for each file that is fetched.
#[derive(Default)]
pub(crate) struct ByteProgress {
    what: String,
    bar: Option<Progress>,
}

impl ByteProgress {
    pub(crate) fn set(&mut self, progress: Loading<'_>) {
        let (what, done, total) = match progress {
            Loading::Fetching { file, done, total } => (format!("fetching {file}"), done, total),
            Loading::Reading { done, total } => ("reading the model".to_owned(), done, total),
        };
        if what != self.what {
            self.bar = None;
            self.what.clone_from(&what);
        }
        let template = "{bar:30} {bytes} of {total_bytes} · {msg} · {eta} left";
        self.bar.get_or_insert_with(|| Progress::new(total, template)).set(done, what);
    }
}
