//! Statistics that the authors of ROME have published.

use std::fs::File;
use std::path::{Path, PathBuf};

use rome_core::Observer;
use rome_stats::{StatsError, npz};
use serde::Serialize;

use super::download::Download;
use super::file::StatisticsFile;
use super::place::{module_prefix, output_folder};
use crate::error::Error;
use crate::layers::LayerSelection;
use crate::model::Model;

/// Names and headers of a few arrays, which a cache holds beside its values.
const OVERHEAD: u64 = 64 << 10;

/// Published statistics to be fetched.
#[derive(Debug, Clone)]
pub struct FetchStatistics {
    /// The layers.
    pub layers: LayerSelection,
    /// The name that they are published under; the last part of the model's name by default.
    pub name: Option<String>,
    /// The site.
    pub url: String,
    /// The text that they are over.
    pub dataset: String,
    /// The number of documents that they are over.
    pub samples: u64,
    /// The type of their values, as the names of the files have it.
    pub precision: String,
    /// The folder for the files, one a layer; by default where edits find them.
    pub output: Option<PathBuf>,
}

/// Published statistics that were fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FetchReport {
    /// The files, one a layer.
    pub files: Vec<StatisticsFile>,
}

impl FetchStatistics {
    /// Fetches those of the site's caches over 100,000 documents of Wikipedia, into the model's folder in the
    /// cache.
    pub fn new(layers: LayerSelection) -> Self {
        Self {
            layers,
            name: None,
            url: "https://rome.baulab.info".to_owned(),
            dataset: "wikipedia".to_owned(),
            samples: 100_000,
            precision: "float32".to_owned(),
            output: None,
        }
    }

    /// Fetches a file for each layer, unless it is there. A file that an earlier run began is continued.
    ///
    /// # Errors
    /// When a file is not there or not of this model, it cannot be written, or `observer` stops it. The part
    /// that has come is kept beside its place.
    pub fn run(&self, model: &Model, observer: &mut dyn Observer) -> Result<FetchReport, Error> {
        let shape = model.lm().shape();
        let layers = self.layers.layers(shape.n_layers);
        if let Some(&layer) = layers.iter().find(|&&layer| layer >= shape.n_layers) {
            return Err(StatsError::Layer { layer, n_layers: shape.n_layers }.into());
        }
        let folder = output_folder(self.output.as_deref(), model.hash())?;
        let name = self.name.clone().unwrap_or_else(|| published_name(&model.name));
        let n_values = (shape.d_ff * shape.d_ff) as u64;
        let mut files = Vec::new();
        for layer in layers {
            let module = module_prefix(model, layer);
            let file = format!("{module}{}_mom2_{}.npz", self.precision, self.samples);
            let site = self.url.trim_end_matches('/');
            let url = format!("{site}/data/stats/{name}/{}_stats/{file}", self.dataset);
            let path = folder.join(file);
            let check = |path: &Path| {
                let file =
                    File::open(path).map_err(|error| StatsError::Io { path: path.to_owned(), error })?;
                npz::read(file)?.check(shape, model.hash(), layer)
            };
            if path.is_file() && check(&path).is_ok() {
                tracing::info!("{} already exists", path.display());
            } else {
                // In f32 or f64, perhaps compressed by a little.
                let sizes = n_values * 3..=n_values * 8 + OVERHEAD;
                Download { url: &url, path: &path, sizes }.run(check, observer)?;
            }
            files.push(StatisticsFile::at(path)?);
        }
        Ok(FetchReport { files })
    }
}

/// The name that the authors published a model's statistics under.
fn published_name(model: &str) -> String {
    let model = model.trim_end_matches('/');
    match model.strip_prefix("openai-community/") {
        Some(name) => name.to_owned(),
        None if model.eq_ignore_ascii_case("EleutherAI/gpt-j-6b") => "EleutherAI_gpt-j-6B".to_owned(),
        // A folder goes by its last name.
        None => model.rsplit(['/', '\\']).next().unwrap_or(model).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_go_by_the_names_of_the_reference() {
        for (model, name) in [
            ("openai-community/gpt2-xl", "gpt2-xl"),
            ("EleutherAI/gpt-j-6b", "EleutherAI_gpt-j-6B"),
            ("models/gpt2-medium/", "gpt2-medium"),
            ("facts-gpt2", "facts-gpt2"),
        ] {
            assert_eq!(published_name(model), name);
        }
    }
}
