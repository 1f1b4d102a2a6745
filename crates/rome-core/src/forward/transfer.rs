//! Values between the program's memory and a device's.

use std::cell::Cell;

use burn::prelude::*;
use burn::tensor::kind::Basic;
use burn::tensor::{Element, TensorData};

use super::host::is_host;

/// The number of transfers between the program's memory and that of a device with memory of its own. Each
/// download waits for the device, and each upload may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the program to the device.
    pub uploads: u64,
    /// From the device to the program.
    pub downloads: u64,
}

thread_local! {
    static TRAFFIC: Cell<Traffic> = const { Cell::new(Traffic { uploads: 0, downloads: 0 }) };
}

impl Traffic {
    /// The transfers that the calling thread has caused so far.
    pub fn so_far() -> Self {
        TRAFFIC.get()
    }

    fn count(device: &Device, uploads: u64, downloads: u64) {
        if !is_host(device) {
            let Self { uploads: up, downloads: down } = Self::so_far();
            TRAFFIC.set(Self { uploads: up + uploads, downloads: down + downloads });
        }
    }
}

/// Copies values to a device.
///
/// # Panics
/// If the shape has another number of values.
pub fn upload<E: Element, const D: usize, K: Basic>(
    values: Vec<E>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, K> {
    Traffic::count(device, 1, 0);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Copies a tensor's values to the program's memory as f32, whatever their type on the device.
///
/// # Panics
/// If the device cannot be read from.
pub fn download<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    Traffic::count(&tensor.device(), 0, 1);
    tensor.into_data().convert::<f32>().try_to_vec::<f32>().expect("converted to f32")
}
