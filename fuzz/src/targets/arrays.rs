//! Arrays of other tools.

use anyhow::{Context, Result};
use rome_export::arrays::{self, Array};
use rome_export::{ExportError, Import};
use rome_models::config::Config;

use super::{edits, model};
use crate::{Bound, Files, Outcome, Seed, Target, zip};

/// Makes edits of arrays, for a model of a handful of weights.
fn import(arrays: Result<Vec<Array>, ExportError>) -> Outcome {
    let arrays = match arrays {
        Ok(arrays) => arrays,
        Err(error) => return Outcome::refused(&error),
    };
    let Ok(model) = model::gpt2() else { return Outcome::Broken("no model".to_owned()) };
    model::in_folder(&model, |source| {
        let import = Import { source, from: "fuzz", made_by: "fuzz", tolerance: None, transposed: false };
        match import.run(arrays, &mut ()) {
            Ok(imported) => match imported.file.to_bytes() {
                Ok(_) => Outcome::Taken,
                Err(error) => Outcome::Broken(format!("what was imported cannot be written: {error}")),
            },
            Err(error) => Outcome::refused(&error),
        }
    })
}

fn config() -> Result<Config> {
    Config::parse(model::gpt2()?.get("config.json")).context("a configuration")
}

pub(super) static NPZ: Target = Target {
    name: "arrays-npz",
    about: "npz to import, by arrays::read_npz and Import",
    bound: Bound::PACKED,
    n_cases: 1_200,
    seeds: || {
        let bytes = arrays::npz(&edits::edits(&[0, 1, 1]), &config()?)?;
        Ok(vec![
            Seed::new("entries", zip::unpack(&bytes)?),
            Seed::new("archive", Files::one("arrays.npz", bytes)),
        ])
    },
    read: |files| match zip::pack(files) {
        Ok(bytes) => import(arrays::read_npz(&bytes)),
        Err(error) => Outcome::Broken(format!("no archive: {error}")),
    },
};

pub(super) static SAFETENSORS: Target = Target {
    name: "arrays-safetensors",
    about: "safetensors to import, by arrays::read_safetensors and Import",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || {
        let dense = arrays::dense(&edits::edits(&[0, 1]), &config()?)?;
        let pairs = [
            ("h.1.mlp.c_proj.left".to_owned(), vec![2, 16]),
            ("h.1.mlp.c_proj.right".to_owned(), vec![2, 4]),
        ];
        Ok(vec![
            Seed::new("differences", Files::one("arrays.safetensors", dense)),
            Seed::new("pairs", Files::one("arrays.safetensors", model::weights(&pairs)?)),
        ])
    },
    read: |files| import(arrays::read_safetensors(files.bytes())),
};
