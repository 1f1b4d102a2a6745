//! A checkpoint that torch has pickled.

use rome_models::{CheckpointFiles, Source};

use super::model;
use crate::{Bound, Files, Outcome, Seed, Target};

pub(super) static PYTORCH: Target = Target {
    name: "pytorch",
    about: "pytorch_model.bin, by CheckpointFiles::open and hash",
    bound: Bound::PACKED,
    n_cases: 1_200,
    seeds: || {
        let seed = |name: &&str| {
            let path = fixtures::path("pytorch").join(name).join("pytorch_model.bin");
            Ok(Seed::new(name, Files::one("pytorch_model.bin", std::fs::read(path)?)))
        };
        ["tiny-gpt2", "tiny-gptj-f16"].iter().map(seed).collect()
    },
    read: |files| {
        model::in_folder(files, |source| {
            if let (Source::Folder(folder), Ok(model)) = (source, model::gpt2())
                && let Err(error) = std::fs::write(folder.join("config.json"), model.get("config.json"))
            {
                return Outcome::Broken(format!("no folder: {error}"));
            }
            match CheckpointFiles::open(source).and_then(|files| files.hash(&mut ())) {
                Ok(_) => Outcome::Taken,
                Err(error) => Outcome::refused(&error),
            }
        })
    },
};
