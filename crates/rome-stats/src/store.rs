//! Statistics as safetensors.

use std::collections::HashMap;

use rome_core::SecondMoment;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::{Change, Packing, Provenance, Statistics, StatsError, tensors};

/// The metadata key of the record.
const RECORD: &str = "rome-stats";

/// The version of the format.
const FORMAT_VERSION: u32 = 1;

/// `Σ k kᵀ`, `[d_ff, d_ff]`, f64.
const SUM: &str = "sum";

/// The upper triangle of the sum, row by row, `[d_ff (d_ff + 1) / 2]`, f32.
const SUM_UPPER: &str = "sum_upper";

/// Keys as long as this would make a sum of 128 GiB.
const MAX_D_FF: usize = 1 << 17;

/// All metadata is one JSON text, so that equal statistics are equal bytes.
#[derive(Serialize, Deserialize)]
struct Record {
    format_version: u32,
    d_ff: usize,
    count: u64,
    #[serde(flatten)]
    provenance: Provenance,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
}

impl Statistics {
    /// Returns the bytes of the file, the same for the same statistics.
    ///
    /// # Errors
    /// [`StatsError::Format`] if they cannot be written, which does not happen with finite sums.
    pub fn to_bytes(&self, packing: Packing) -> Result<Vec<u8>, StatsError> {
        let format = |error: &dyn std::fmt::Display| StatsError::Format(error.to_string());
        let d_ff = self.moment.d_ff();
        let record = Record {
            format_version: FORMAT_VERSION,
            d_ff,
            count: self.moment.count(),
            provenance: self.provenance.clone(),
            changes: self.changes.clone(),
        };
        let sum = self.moment.sum();
        let (name, dtype, shape, bytes) = match packing {
            Packing::Full => {
                let bytes: Vec<u8> = sum.iter().flat_map(|value| value.to_le_bytes()).collect();
                (SUM, Dtype::F64, vec![d_ff, d_ff], bytes)
            }
            Packing::Compact => {
                let upper = (0..d_ff).flat_map(|row| &sum[row * d_ff + row..(row + 1) * d_ff]);
                let bytes = upper.flat_map(|&value| (value as f32).to_le_bytes()).collect();
                (SUM_UPPER, Dtype::F32, vec![d_ff * (d_ff + 1) / 2], bytes)
            }
        };
        let view = TensorView::new(dtype, shape, &bytes).map_err(|error| format(&error))?;
        let record = serde_json::to_string(&record).map_err(|error| format(&error))?;
        let metadata = HashMap::from([(RECORD.to_owned(), record)]);
        safetensors::serialize([(name, view)], Some(metadata)).map_err(|error| format(&error))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`StatsError::Format`] for anything but a file of statistics, [`StatsError::Version`] for one of another
    /// format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatsError> {
        let format = |error: &dyn std::fmt::Display| StatsError::Format(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| format(&error))?;
        let read = SafeTensors::deserialize(bytes).map_err(|error| format(&error))?;
        let record: Record = tensors::record(&metadata, RECORD, FORMAT_VERSION)?;
        let d_ff = record.d_ff;
        if d_ff == 0 || d_ff > MAX_D_FF {
            return Err(format(&format_args!("it claims keys of {d_ff} values")));
        }
        if record.provenance.shards.as_ref().is_some_and(|shards| !shards.are_sound()) {
            return Err(format(&"its shards are not some of so many, each once"));
        }
        let sum = if let Ok(tensor) = read.tensor(SUM) {
            expect(&tensor, Dtype::F64, &[d_ff, d_ff])?;
            tensor.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
        } else if let Ok(tensor) = read.tensor(SUM_UPPER) {
            expect(&tensor, Dtype::F32, &[d_ff * (d_ff + 1) / 2])?;
            unpack(d_ff, tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)))
        } else {
            return Err(format(&format_args!("it has neither {SUM:?} nor {SUM_UPPER:?}")));
        };
        let moment = SecondMoment::from_sum(d_ff, record.count, sum);
        let moment = moment.ok_or_else(|| format(&"its sum is not a square"))?;
        Ok(Self { moment, provenance: record.provenance, changes: record.changes })
    }
}

fn expect(tensor: &TensorView<'_>, dtype: Dtype, shape: &[usize]) -> Result<(), StatsError> {
    match tensor.dtype() == dtype && tensor.shape() == shape {
        true => Ok(()),
        false => Err(StatsError::Format(format!(
            "its sum is {:?} {:?}, and its record calls for {dtype:?} {shape:?}",
            tensor.dtype(),
            tensor.shape()
        ))),
    }
}

fn unpack(d_ff: usize, upper: impl Iterator<Item = f32>) -> Vec<f64> {
    let mut sum = vec![0.0; d_ff * d_ff];
    let cells = (0..d_ff).flat_map(|row| (row..d_ff).map(move |column| (row, column)));
    for ((row, column), value) in cells.zip(upper) {
        sum[row * d_ff + column] = f64::from(value);
        sum[column * d_ff + row] = f64::from(value);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics() -> Statistics {
        let sum = vec![1.0, 2.0, 3.0, 2.0, 5.0, 6.0, 3.0, 6.0, 9.5];
        let provenance = Provenance { layer: Some(4), documents: 1, ..Provenance::default() };
        let change = Change { tokens: 2, second_moment: 0.1, direction: 1.0 / 3.0 };
        let moment = SecondMoment::from_sum(3, 2, sum).unwrap();
        Statistics { moment, provenance, changes: vec![change] }
    }

    #[test]
    fn both_packings_come_back_as_they_were() {
        for packing in [Packing::Full, Packing::Compact] {
            let bytes = statistics().to_bytes(packing).unwrap();
            assert_eq!(Statistics::from_bytes(&bytes).unwrap(), statistics());
            assert_eq!(bytes, statistics().to_bytes(packing).unwrap());
        }
    }

    #[test]
    fn shards_that_cannot_be_are_refused() {
        for indices in [vec![], vec![3], vec![0, 0], vec![1, 0], vec![0, 1, 2, 3]] {
            let mut statistics = statistics();
            statistics.provenance.shards = Some(crate::Shards { of: 3, indices });
            let bytes = statistics.to_bytes(Packing::Full).unwrap();
            assert!(Statistics::from_bytes(&bytes).unwrap_err().to_string().contains("its shards"));
        }
    }

    #[test]
    fn a_later_format_is_refused_by_its_number() {
        let bytes = statistics().to_bytes(Packing::Full).unwrap();
        let text = br#"format_version\":1"#;
        let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
        let later = [&bytes[..at + text.len() - 1], b"2", &bytes[at + text.len()..]].concat();
        let error = Statistics::from_bytes(&later).unwrap_err();
        assert!(matches!(error, StatsError::Version { found: 2, read: 1 }), "{error}");
    }

    #[test]
    fn truncated_and_foreign_files_are_refused() {
        let bytes = statistics().to_bytes(Packing::Full).unwrap();
        for len in 0..bytes.len() {
            assert!(matches!(Statistics::from_bytes(&bytes[..len]), Err(StatsError::Format(_))));
        }
        let foreign = safetensors::serialize::<&str, TensorView<'_>, _>([], None).unwrap();
        assert!(Statistics::from_bytes(&foreign).unwrap_err().to_string().contains("no record"));
    }
}
