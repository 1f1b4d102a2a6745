//! Evaluation and tracing against values of kmeng01/rome, and files of all kinds.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod asking;
mod data;
mod finetuning;
mod goldens;
mod hostile;
mod results;
mod traces;

use fixtures::device;
use rome_models::Pretrained;

fn load(name: &str) -> Pretrained {
    Pretrained::load(fixtures::model_folder(name).to_str().unwrap(), &device()).unwrap()
}
