//! Types of values in files.

use bytemuck::Pod;
use safetensors::tensor::Dtype;

// Values are written as they lie in memory, and safetensors are little-endian.
const _: () = assert!(cfg!(target_endian = "little"));

/// A type of value that is stored.
pub(crate) trait StoredValue: Pod {
    const DTYPE: Dtype;
}

impl StoredValue for f32 {
    const DTYPE: Dtype = Dtype::F32;
}

impl StoredValue for f64 {
    const DTYPE: Dtype = Dtype::F64;
}
