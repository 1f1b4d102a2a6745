//! Statistics as safetensors.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use rome_core::{Convergence, SecondMoment};
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use crate::error::StatsError;
use crate::provenance::Provenance;
use crate::statistics::Statistics;
use crate::tensor_reader::TensorReader;
use crate::tensor_writer::{OutputTensor, TensorFile};

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

/// The format of a stored sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SumFormat {
    /// All of it, in f64.
    #[default]
    Full,
    /// The upper triangle in f32: a quarter of the size, for files that are shipped.
    Compact,
}

/// All that a file says beside the sum.
#[derive(Serialize, Deserialize)]
struct SumRecord {
    format_version: u32,
    d_ff: usize,
    count: u64,
    #[serde(flatten)]
    provenance: Provenance,
    #[serde(rename = "changes", default, skip_serializing_if = "Vec::is_empty")]
    convergence: Vec<Convergence>,
}

impl SumRecord {
    fn read<R: Read + Seek>(reader: &TensorReader<R>) -> Result<Self, StatsError> {
        let record: Self = reader.record(RECORD, FORMAT_VERSION)?;
        if record.d_ff == 0 || record.d_ff > MAX_D_FF {
            return Err(format(&format_args!("it claims keys of {} values", record.d_ff)));
        }
        if record.provenance.shards.as_ref().is_some_and(|shards| !shards.are_sound()) {
            return Err(format(&"its shards are not some of so many, each once"));
        }
        Ok(record)
    }
}

impl Provenance {
    /// Reads the provenance of a file of statistics and leaves the sum unread.
    ///
    /// # Errors
    /// As [`Statistics::read`].
    pub fn read(reader: impl Read + Seek) -> Result<Self, StatsError> {
        Ok(SumRecord::read(&TensorReader::new(reader)?)?.provenance)
    }
}

impl Statistics {
    /// Writes a file, the same for the same statistics. A caller that wants the old file or the new one,
    /// whatever happens, gives a temporary file and renames it.
    ///
    /// # Errors
    /// [`StatsError`] when it cannot be written.
    pub fn write(&self, path: &Path, format: SumFormat) -> Result<(), StatsError> {
        self.file(format)?.write(path)
    }

    /// Returns the bytes of the file.
    ///
    /// # Errors
    /// [`StatsError::Format`] if they cannot be written, which does not happen with finite sums.
    pub fn to_bytes(&self, format: SumFormat) -> Result<Vec<u8>, StatsError> {
        self.file(format)?.into_bytes()
    }

    fn file(&self, format: SumFormat) -> Result<TensorFile<'_>, StatsError> {
        let d_ff = self.moment.d_ff();
        let record = SumRecord {
            format_version: FORMAT_VERSION,
            d_ff,
            count: self.moment.count(),
            provenance: self.provenance.clone(),
            convergence: self.convergence.clone(),
        };
        let sum = self.moment.sum();
        let tensor = match format {
            SumFormat::Full => (SUM.to_owned(), OutputTensor::new(vec![d_ff, d_ff], sum)),
            SumFormat::Compact => {
                let upper = move || {
                    let rows = (0..d_ff).flat_map(move |row| &sum[row * d_ff + row..(row + 1) * d_ff]);
                    rows.map(|&value| value as f32)
                };
                (SUM_UPPER.to_owned(), OutputTensor::triangle(d_ff, upper))
            }
        };
        TensorFile::new(RECORD, &record, vec![tensor])
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatsError> {
        Self::read(Cursor::new(bytes))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`StatsError::Format`] for anything but a file of statistics, [`StatsError::Version`] for one of
    /// another format.
    pub fn read(reader: impl Read + Seek) -> Result<Self, StatsError> {
        let mut reader = TensorReader::new(reader)?;
        let SumRecord { d_ff, count, provenance, convergence, .. } = SumRecord::read(&reader)?;
        let sum = if reader.info(SUM).is_some() {
            expect(&reader, SUM, Dtype::F64, &[d_ff, d_ff])?;
            reader.values(SUM)?
        } else if reader.info(SUM_UPPER).is_some() {
            expect(&reader, SUM_UPPER, Dtype::F32, &[d_ff * (d_ff + 1) / 2])?;
            unpack(d_ff, &reader.values(SUM_UPPER)?)
        } else {
            return Err(format(&format_args!("it has neither {SUM:?} nor {SUM_UPPER:?}")));
        };
        let moment = SecondMoment::from_sum(d_ff, count, sum);
        let moment = moment.ok_or_else(|| format(&"its sum is not a square"))?;
        Ok(Self { moment, provenance, convergence })
    }
}

fn format(reason: &dyn std::fmt::Display) -> StatsError {
    StatsError::Format(reason.to_string())
}

fn expect<R: Read + Seek>(
    reader: &TensorReader<R>,
    name: &str,
    dtype: Dtype,
    shape: &[usize],
) -> Result<(), StatsError> {
    match reader.info(name) {
        Some(info) if (info.dtype, info.shape.as_slice()) != (dtype, shape) => Err(format(&format_args!(
            "its sum is {:?} {:?}, but its record requires {dtype:?} {shape:?}",
            info.dtype, info.shape
        ))),
        _ => Ok(()),
    }
}

fn unpack(d_ff: usize, upper: &[f32]) -> Vec<f64> {
    let mut sum = vec![0.0; d_ff * d_ff];
    let cells = (0..d_ff).flat_map(|row| (row..d_ff).map(move |column| (row, column)));
    for ((row, column), &value) in cells.zip(upper) {
        sum[row * d_ff + column] = f64::from(value);
        sum[column * d_ff + row] = f64::from(value);
    }
    sum
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn statistics() -> Statistics {
        let sum = vec![1.0, 2.0, 3.0, 2.0, 5.0, 6.0, 3.0, 6.0, 9.5];
        let provenance = Provenance { layer: Some(4), documents: 1, ..Provenance::default() };
        let convergence = Convergence { tokens: 2, second_moment: 0.1, direction: 1.0 / 3.0 };
        let moment = SecondMoment::from_sum(3, 2, sum).unwrap();
        Statistics { moment, provenance, convergence: vec![convergence] }
    }

    #[test]
    fn both_formats_come_back_as_they_were() {
        for format in [SumFormat::Full, SumFormat::Compact] {
            let bytes = statistics().to_bytes(format).unwrap();
            assert_eq!(Statistics::from_bytes(&bytes).unwrap(), statistics());
            assert_eq!(bytes, statistics().to_bytes(format).unwrap());
            let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
            statistics().write(&path, format).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(Provenance::read(Cursor::new(&bytes)).unwrap(), statistics().provenance);
        }
    }

    #[test]
    fn shards_that_cannot_be_are_refused() {
        for indices in [vec![], vec![3], vec![0, 0], vec![1, 0], vec![0, 1, 2, 3]] {
            let mut statistics = statistics();
            statistics.provenance.shards = Some(crate::shard::Shards { of: 3, indices });
            let bytes = statistics.to_bytes(SumFormat::Full).unwrap();
            assert!(Statistics::from_bytes(&bytes).unwrap_err().to_string().contains("its shards"));
        }
    }

    #[test]
    fn a_later_format_is_refused_by_its_number() {
        let bytes = statistics().to_bytes(SumFormat::Full).unwrap();
        let text = br#"format_version\":1"#;
        let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
        let later = [&bytes[..at + text.len() - 1], b"2", &bytes[at + text.len()..]].concat();
        let error = Statistics::from_bytes(&later).unwrap_err();
        assert!(matches!(error, StatsError::Version { found: 2, read: 1 }), "{error}");
    }

    #[test]
    fn truncated_and_foreign_files_are_refused() {
        let bytes = statistics().to_bytes(SumFormat::Full).unwrap();
        for len in 0..bytes.len() {
            assert!(matches!(Statistics::from_bytes(&bytes[..len]), Err(StatsError::Format(_))));
        }
        let foreign = safetensors::serialize::<&str, TensorView<'_>, _>([], None).unwrap();
        assert!(Statistics::from_bytes(&foreign).unwrap_err().to_string().contains("no record"));
    }
}
