//! `rome stats fetch`

use std::fs::{self, File};
use std::path::Path;

use anyhow::Result;
use rome_stats::{StatsError, npz};
use serde_json::json;

use super::selection::parse_layers;
use crate::args::FetchArgs;
use crate::download::Download;
use crate::error::Outcome;
use crate::model;
use crate::{output, statistics};

/// What a cache holds beside its values: names and headers of a few arrays.
const OVERHEAD: u64 = 64 << 10;

pub(crate) fn run(args: FetchArgs) -> Result<Outcome> {
    let model = model::load(&args.model)?;
    let shape = model.causal_lm().shape();
    let layers = parse_layers(&args.layers, shape.n_layers)?;
    if let Some(&layer) = layers.iter().find(|&&layer| layer >= shape.n_layers) {
        return Err(StatsError::Layer { layer, n_layers: shape.n_layers }.into());
    }
    let folder = statistics::output_folder(args.output.as_deref(), &model.pretrained.hash)?;
    let published = args.name.unwrap_or_else(|| published_name(&model.name));
    let n_values = (shape.d_ff * shape.d_ff) as u64;
    let mut files = Vec::new();
    for layer in layers {
        let module = rome_session::statistics::module_prefix(&model, layer);
        let file = format!("{module}{}_mom2_{}.npz", args.precision, args.samples);
        let base = args.url.trim_end_matches('/');
        let url = format!("{base}/data/stats/{published}/{}_stats/{file}", args.dataset);
        let path = folder.join(file);
        // In f32 or f64, perhaps compressed by a little.
        let download = Download { url: &url, path: &path, sizes: n_values * 3..=n_values * 8 + OVERHEAD };
        let check = |path: &Path| -> Result<()> {
            Ok(npz::read(File::open(path)?)?.check(shape, &model.pretrained.hash, layer)?)
        };
        let is_there = path.is_file() && check(&path).is_ok();
        if is_there {
            output::note(format!("{} is there already", path.display()));
        } else {
            download.run(check)?;
        }
        if !args.json {
            output::line(format!("{} ({})", path.display(), output::size(fs::metadata(&path)?.len())))?;
        }
        files.push(path);
    }
    if args.json {
        output::json(&json!({ "files": files }))?;
    }
    Ok(Outcome::Done)
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
