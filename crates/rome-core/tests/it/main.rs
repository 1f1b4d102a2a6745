//! The algebra as properties, and the files of edits by round trip and by hostile input.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod edit_files;
mod formats;
mod least_squares;
mod solving;
mod updates;

use burn::prelude::*;
use burn::tensor::TensorData;

fn device() -> Device {
    Device::flex()
}

fn tensor(values: &[f32], [rows, columns]: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [rows, columns]), &device())
}

fn host(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}
