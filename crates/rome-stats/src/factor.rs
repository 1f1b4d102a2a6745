//! A factor of C as a file, so that a large C is factored once.

use std::path::Path;

use rome_core::CholeskyFactor;
use serde::{Deserialize, Serialize};

use crate::error::StatsError;
use crate::statistics::Statistics;
use crate::tensor_reader::TensorReader;
use crate::tensor_writer::{OutputTensor, TensorFile};

/// The metadata key of the record.
const RECORD: &str = "rome-factor";

/// The version of the format.
const FORMAT_VERSION: u32 = 1;

/// The factor, column by column from the diagonal down, `[d_ff (d_ff + 1) / 2]`, f64.
const LOWER: &str = "lower";

/// C's smallest and greatest eigenvalue, and its ridge if it has one, f64.
const FIGURES: &str = "figures";

#[derive(Serialize, Deserialize)]
struct FactorRecord {
    format_version: u32,
    d_ff: usize,
    count: u64,
    /// Of the statistics that were factored.
    sums_hash: String,
}

/// Writes a factor with the hash of its statistics, [`Statistics::sums_hash`].
///
/// # Errors
/// [`StatsError`] when it cannot be written, or is that of the identity.
pub fn write_factor(path: &Path, factor: &CholeskyFactor, sums_hash: &str) -> Result<(), StatsError> {
    let identity = || StatsError::Format("the identity has no factor".to_owned());
    let (count, _) = factor.lower().ok_or_else(identity)?;
    let record = FactorRecord {
        format_version: FORMAT_VERSION,
        d_ff: factor.d_ff(),
        count,
        sums_hash: sums_hash.to_owned(),
    };
    let figures: Vec<f64> = factor.eigenvalues().into_iter().chain(factor.ridge()).collect();
    let lower =
        OutputTensor::triangle(factor.d_ff(), || factor.lower().into_iter().flat_map(|(_, lower)| lower));
    let figures = OutputTensor::new(vec![figures.len()], &figures);
    let tensors = vec![(LOWER.to_owned(), lower), (FIGURES.to_owned(), figures)];
    TensorFile::new(RECORD, &record, tensors)?.write(path)
}

/// Reads a factor of statistics with this [`sums_hash`](Statistics::sums_hash); `None` if it is of
/// others.
///
/// # Errors
/// [`StatsError`] for anything but a factor.
pub fn read_factor(path: &Path, sums_hash: &str) -> Result<Option<CholeskyFactor>, StatsError> {
    let wrong = || StatsError::Format("its sizes do not fit, or it is no factor".to_owned());
    let mut reader = TensorReader::open(path)?;
    let record: FactorRecord = reader.record(RECORD, FORMAT_VERSION)?;
    if record.sums_hash != sums_hash {
        return Ok(None);
    }
    let (lower, figures): (Vec<f64>, Vec<f64>) = (reader.values(LOWER)?, reader.values(FIGURES)?);
    let (eigenvalues, ridge) = match *figures.as_slice() {
        [smallest, greatest] => ([smallest, greatest], None),
        [smallest, greatest, ridge] => ([smallest, greatest], Some(ridge)),
        _ => return Err(wrong()),
    };
    let factor = CholeskyFactor::from_lower(record.d_ff, record.count, &lower, ridge, eigenvalues);
    factor.ok_or_else(wrong).map(Some)
}

impl Statistics {
    /// A hash of the sums and of the number of keys, all that a factor depends on.
    pub fn sums_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.moment.count().to_le_bytes());
        for row in self.moment.sum().chunks(self.moment.d_ff().max(1)) {
            hasher.update(bytemuck::cast_slice(row));
        }
        hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use rome_core::SecondMoment;

    use super::*;

    fn statistics(corner: f64) -> Statistics {
        let sum = vec![corner, 2.0, 3.0, 2.0, 7.0, 6.0, 3.0, 6.0, 9.5];
        let moment = SecondMoment::from_sum(3, 3, sum).unwrap();
        Statistics { moment, provenance: Default::default(), convergence: Vec::new() }
    }

    #[test]
    fn a_factor_that_was_kept_solves_to_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("factor.safetensors");
        // The second is singular, and so has a ridge.
        for corner in [3.0, 18.0 / 5.25] {
            let statistics = statistics(corner);
            let (factor, hash) = (CholeskyFactor::new(&statistics.moment).unwrap(), statistics.sums_hash());
            write_factor(&path, &factor, &hash).unwrap();
            let kept = read_factor(&path, &hash).unwrap().unwrap();
            let key = [0.1, -0.2, 0.3];
            assert_eq!(kept.solve(&key), factor.solve(&key));
            assert_eq!((kept.ridge(), kept.eigenvalues()), (factor.ridge(), factor.eigenvalues()));
        }
    }

    #[test]
    fn a_factor_of_other_statistics_or_a_torn_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("factor.safetensors");
        let (mine, other) = (statistics(3.0), statistics(4.0));
        write_factor(&path, &CholeskyFactor::new(&mine.moment).unwrap(), &mine.sums_hash()).unwrap();
        assert!(read_factor(&path, &other.sums_hash()).unwrap().is_none());
        let bytes = std::fs::read(&path).unwrap();
        for len in 0..bytes.len() {
            std::fs::write(&path, &bytes[..len]).unwrap();
            assert!(read_factor(&path, &mine.sums_hash()).is_err(), "{len} bytes");
        }
    }
}
