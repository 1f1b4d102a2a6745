//! A checkpoint that torch has pickled.

use rome_models::CheckpointFiles;
use rome_models::config::Config;

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
            let config = model::gpt2().map(|files| Config::parse(files.get("config.json")));
            let Ok(Ok(config)) = config else { return Outcome::Broken("the seed is none".to_owned()) };
            match CheckpointFiles::open(source).and_then(|files| files.hash(&config, &mut ())) {
                Ok(_) => Outcome::Taken,
                Err(error) => Outcome::refused(&error),
            }
        })
    },
};
