//! Models by name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use burn::prelude::Device;
use rome_assets::Bundled;
use rome_core::{CausalLm, Precision};
use rome_models::config::Config;
use rome_models::progress::Progress as Loading;
use rome_models::{CheckpointFiles, ModelError, Pretrained, Source};

use crate::args::{DeviceArgs, ModelArgs};
use crate::error::CliError;
use crate::output::Progress;

/// A model and what is known of it.
pub(crate) struct Model {
    /// As the user named it.
    pub(crate) name: String,
    pub(crate) pretrained: Pretrained,
    /// The bundled model that it is, by its bytes, whatever its name.
    pub(crate) bundled: Option<&'static Bundled>,
}

impl Model {
    pub(crate) fn load(args: &ModelArgs) -> Result<Self> {
        Self::load_named(&args.model, &args.device)
    }

    pub(crate) fn load_named(name: &str, args: &DeviceArgs) -> Result<Self> {
        Self::load_on(name, &args.device()?, args.dtype.into())
    }

    pub(crate) fn load_on(name: &str, device: &Device, precision: Precision) -> Result<Self> {
        let source = source(name)?;
        let mut bar = ByteProgress::default();
        let pretrained =
            Pretrained::from_source(&source, device, precision, &mut |progress| bar.set(progress))
                .with_context(|| format!("failed to load the model {name:?}"))?;
        drop(bar);
        tracing::debug!(
            "model {name:?}: {}, hash {}, device {device:?}, {}",
            source.name(),
            pretrained.hash,
            precision.name()
        );
        let bundled = rome_assets::ALL.into_iter().find(|bundled| bundled.hash == pretrained.hash);
        Ok(Self { name: name.to_owned(), pretrained, bundled })
    }

    pub(crate) fn causal_lm(&self) -> &dyn CausalLm {
        self.pretrained.model.as_ref()
    }
}

/// Where the files of a model are, by the name that a user gives it.
pub(crate) fn source(name: &str) -> Result<Source> {
    if let Some(bundled) = rome_assets::bundled(name) {
        return Ok(Source::Embedded(bundled.name, bundled.files));
    }
    let mut bar = ByteProgress::default();
    let resolved = Source::resolve(name, &mut |progress| bar.set(progress));
    let bundled = rome_assets::ALL.into_iter().map(|bundled| bundled.name);
    match (resolved, bundled.max_by(|a, b| likeness(a, name).total_cmp(&likeness(b, name)))) {
        (Err(error @ ModelError::NotFound { .. }), Some(bundled)) if likeness(bundled, name) > ALIKE => {
            Err(CliError::with_hint(error.to_string(), format!("did you mean {bundled}?")))
        }
        (resolved, _) => Ok(resolved?),
    }
}

/// A name as like to another as this is a slip of the finger.
const ALIKE: f64 = 0.8;

fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
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

/// Reads a file, unless it is larger than any such file is.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot read {}: {error}", path.display());
        CliError::with_hint(message, "check that the file exists and may be read")
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        let message = format!("{} is larger than {limit} bytes", path.display());
        return Err(CliError::with_hint(message, "check that this is the right file"));
    }
    Ok(bytes)
}
