//! The models against values of transformers, and the loader against files of all kinds.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod checkpoints;
mod configs;
mod families;
mod family_tokens;
mod forward;
mod gradients;
mod hostile;
mod hub;
mod other_checkpoints;
mod precision;
mod random_parts;
mod tokenizers;

use burn::prelude::*;
use fixtures::device;
use rome_models::Pretrained;

fn load(name: &str) -> Pretrained {
    Pretrained::load(fixtures::model_folder(name).to_str().unwrap(), &device()).unwrap()
}

fn host(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[track_caller]
fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "differs by {worst}, more than {tolerance}");
}
