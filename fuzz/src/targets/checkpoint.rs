//! A model's folder.

use anyhow::Result;
use rome_core::{EditEntry, EditFile, EditPart, EditRecord, ModelHash, Precision, RankOneUpdate, Tokenizer};
use rome_models::Pretrained;

use super::model;
use crate::{Bound, Outcome, Seed, Target};

fn seeds() -> Result<Vec<Seed>> {
    Ok(vec![Seed::new("gpt2", model::gpt2()?), Seed::new("gptj", model::gptj()?)])
}

pub(super) static CHECKPOINT: Target = Target {
    name: "checkpoint",
    about: "config.json, model.safetensors, vocab.json and merges.txt, by Pretrained::from_source",
    // GPT-J keeps a table of sines for as many positions as its configuration names.
    bound: Bound { memory: 128 << 20, ..Bound::PARSED },
    n_cases: 1_200,
    seeds,
    read: |files| {
        model::in_folder(files, |source| {
            let device = fixtures::device();
            match Pretrained::from_source(source, &device, Precision::F32, &mut ()) {
                Err(error) => Outcome::refused(&error),
                Ok(read) => match read.tokenizer.encode("the ab") {
                    Ok(_) => Outcome::Taken,
                    Err(error) => Outcome::refused(&error),
                },
            }
        })
    },
};

pub(super) static EXPORT: Target = Target {
    name: "export",
    about: "the same folder with an edit added, by rome_export::checkpoint::write",
    bound: Bound::PARSED,
    n_cases: 800,
    seeds,
    read: |files| {
        model::in_folder(files, |source| {
            let record = EditRecord::imported("fuzz", ModelHash::new("any"), "fuzz");
            let mut part = EditPart::new(record);
            let weight = if files.text("config.json").contains("gptj") {
                "transformer.h.1.mlp.fc_out.weight"
            } else {
                "transformer.h.1.mlp.c_proj.weight"
            };
            let update = RankOneUpdate { left: vec![0.5; 16], right: vec![0.5; 4] };
            part.push(EditEntry::imported(weight, 1, 0.1), update);
            let Ok(out) = tempfile::tempdir_in(crate::files::scratch()) else {
                return Outcome::Broken("no folder to export into".to_owned());
            };
            let place = out.path().join("model");
            match rome_export::checkpoint::write_unchecked(source, &EditFile::from(part), &place, &mut ()) {
                Ok(_) => Outcome::Taken,
                Err(error) => Outcome::refused(&error),
            }
        })
    },
};
