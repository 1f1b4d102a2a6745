//! The whole of it: against the values of the original programs, and through the command line.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod command_line;
mod outside;
mod predecessor;
mod reference;
mod repeated;
mod statistics;
mod undo;

use burn::prelude::*;
use rome_core::Factor;
use rome_models::Pretrained;

fn load(name: &str) -> Pretrained {
    Pretrained::load(fixtures::model_folder(name).to_str().unwrap(), &Device::flex()).unwrap()
}

/// The factor of the second moment that the reference saved itself.
fn factor(model: &str, layer: usize) -> Factor {
    let file = std::fs::File::open(fixtures::npz(model, layer)).unwrap();
    Factor::new(&rome_stats::npz::read(file).unwrap().moment).unwrap()
}
