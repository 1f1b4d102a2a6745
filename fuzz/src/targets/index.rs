//! The index of a checkpoint in several files.

use anyhow::Result;
use rome_models::{CheckpointFiles, Source};
use serde_json::json;

use super::model;
use crate::{Bound, Files, Outcome, Seed, Target};

const FILE: &str = "model.safetensors.index.json";

/// A tensor of files that lie outside of the model's folder.
const BAIT: &str = "bait.weight";

fn seeds() -> Result<Vec<Seed>> {
    let [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = json!({
        "metadata": { "total_size": 48 },
        "weight_map": { "transformer.wte.weight": first, "transformer.ln_f.bias": second },
    });
    let files = Files::one(FILE, index.to_string())
        .with(first, model::weights(&[("transformer.wte.weight".to_owned(), vec![2, 4])])?)
        .with(second, model::weights(&[("transformer.ln_f.bias".to_owned(), vec![4])])?);
    Ok(vec![Seed::new("two", files)])
}

pub(super) static INDEX: Target = Target {
    name: "index",
    about: "model.safetensors.index.json, which names other files, by CheckpointFiles",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds,
    read: |files| match read(files) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Broken(format!("no folder: {error:#}")),
    },
};

/// Puts the model two folders deep, with files outside of it that an index may name: `../../x`, `../x` and
/// the place of `@BAIT@`.
fn read(files: &Files) -> Result<Outcome> {
    let outer = tempfile::tempdir_in(crate::files::scratch())?;
    let folder = outer.path().join("models/model");
    let bait = outer.path().join("x");
    files.write(&folder)?;
    let bytes = model::weights(&[(BAIT.to_owned(), vec![1])])?;
    std::fs::write(&bait, &bytes)?;
    std::fs::write(outer.path().join("models/x"), &bytes)?;
    let index = files.text(FILE).replace("@BAIT@", &bait.to_string_lossy());
    std::fs::write(folder.join(FILE), index)?;
    std::fs::write(folder.join("config.json"), model::gpt2()?.get("config.json"))?;
    let opened = CheckpointFiles::open(&Source::Folder(folder));
    let read = opened.and_then(|files| {
        let is_bait = files.files.iter().flat_map(|file| file.tensors()).any(|tensor| tensor.name == BAIT);
        Ok((is_bait, files.read("transformer.wte.weight")?))
    });
    Ok(match read {
        Ok((true, _)) => Outcome::Broken("a file outside of the model's folder was read".to_owned()),
        Ok((false, _)) => Outcome::Taken,
        Err(error) => Outcome::refused(&error),
    })
}
