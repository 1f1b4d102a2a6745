//! Data types of weights.

use burn::prelude::*;
use burn::tensor::{DType, FloatDType, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

use crate::forward::host::is_host;

/// The type that a model's matrices are held in.
///
/// Half the bits are half the memory. They are widened where they are used: states, norms,
/// softmax, losses, δ and the update are in f32 in any case, and so is a matrix once an update has
/// been applied to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of fraction.
    #[default]
    F32,
    /// 11 bits of fraction, up to 65,504.
    F16,
    /// 8 bits of fraction, in the range of f32.
    Bf16,
}

impl Precision {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The type of tensors.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }

    /// True if a device computes with it.
    pub fn is_supported_by(self, device: &Device) -> bool {
        device.supports_dtype(self.dtype())
    }
}

/// Returns values in f32, whatever they are held in.
pub fn widen<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    match values.dtype() {
        DType::F32 => values,
        // The backend widens f16 bit by bit; the processor has an instruction for eight of them.
        DType::F16 if is_host(&values.device()) => {
            let (shape, device) = (values.dims(), values.device());
            let halves = values.into_data();
            let halves: &[f16] = halves.as_slice().expect("f16 by its type");
            let mut widened = vec![0.0f32; halves.len()];
            halves.convert_to_f32_slice(&mut widened);
            Tensor::from_data(TensorData::new(widened, shape), &device)
        }
        _ => values.cast(FloatDType::F32),
    }
}
