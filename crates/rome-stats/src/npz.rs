//! The statistics caches of kmeng01/rome: `{module}_{precision}_mom2_{n}.npz`.

use std::io::{Read, Seek};

use rome_core::SecondMoment;
use rome_files::npz::{NpzReader, NpzWriter};

use crate::error::StatsError;
use crate::provenance::Provenance;
use crate::statistics::Statistics;

const CONSTRUCTOR: &str = "mom2.constructor";
const COUNT: &str = "mom2.count";
const SUM: &str = "mom2.mom2";
const SAMPLE_SIZE: &str = "sample_size";

/// The class that the reference rebuilds the sum with.
const CLASS: &str = "util.runningstats.SecondMoment()";

/// Keys as long as this would make a sum of 64 GiB in f32.
const MAX_D_FF: u64 = 1 << 17;

/// Reads a cache of the reference. It names neither model nor layer, so nothing but its size can
/// be checked later.
///
/// # Errors
/// [`StatsError::Format`] for anything but such a cache.
pub fn read(reader: impl Read + Seek) -> Result<Statistics, StatsError> {
    let mut archive = NpzReader::new(reader).map_err(|error| format(&error))?;
    let count = scalar(&mut archive, COUNT)?;
    let documents = scalar(&mut archive, SAMPLE_SIZE).unwrap_or(0);

    let array = archive.array(SUM).map_err(|error| format(&error))?;
    let &[rows, columns] = array.shape() else {
        return Err(format(&format_args!("{SUM:?} has shape {:?}", array.shape())));
    };
    if rows != columns || rows == 0 || rows > MAX_D_FF {
        return Err(format(&format_args!(
            "{SUM:?} has shape [{rows}, {columns}], which is no square of keys"
        )));
    }
    // C is symmetric, so the order of rows and columns in the file does not matter.
    let sum = array.floats(f64::from, |value| value).map_err(|error| format(&error))?;
    let moment = SecondMoment::from_sum(rows as usize, count, sum);
    let moment = moment.ok_or_else(|| format(&format_args!("{SUM:?} is shorter than its shape")))?;
    let provenance = Provenance { documents, dtype: "float32".to_owned(), ..Provenance::default() };
    Ok(Statistics { moment, provenance, convergence: Vec::new() })
}

/// Writes a cache that the reference loads.
///
/// # Errors
/// [`StatsError::Format`] when the writer fails.
pub fn write(statistics: &Statistics) -> Result<Vec<u8>, StatsError> {
    arrays(statistics).map_err(|error| format(&error))
}

fn arrays(statistics: &Statistics) -> std::io::Result<Vec<u8>> {
    let moment = &statistics.moment;
    let d_ff = moment.d_ff() as u64;
    let mut npz = NpzWriter::new();
    npz.text(CONSTRUCTOR, CLASS)?;
    for (name, value) in [(COUNT, moment.count()), (SAMPLE_SIZE, statistics.provenance.documents)] {
        npz.array(name, &[], [value as i64])?;
    }
    npz.array(SUM, &[d_ff, d_ff], moment.sum().iter().map(|&value| value as f32))?;
    npz.finish()
}

fn scalar<R: Read + Seek>(archive: &mut NpzReader<R>, name: &str) -> Result<u64, StatsError> {
    let array = archive.array(name).map_err(|error| format(&error))?;
    if array.n_values() != 1 {
        return Err(format(&format_args!("{name:?} is not a number")));
    }
    match array.integers().map_err(|error| format(&error))?.first() {
        Some(&value) if value >= 0 => Ok(value as u64),
        _ => Err(format(&format_args!("{name:?} is not a count"))),
    }
}

fn format(error: &dyn std::fmt::Display) -> StatsError {
    StatsError::Format(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use npyz::zip;

    use super::*;

    /// An archive with one array, `mom2.mom2`, of these bytes.
    fn archive(array: &[u8]) -> Vec<u8> {
        archive_with(&scalar_bytes(), array)
    }

    fn archive_with(count: &[u8], array: &[u8]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::FileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in [("mom2.count.npy", count), ("mom2.mom2.npy", array)] {
            zip.start_file(name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn scalar_bytes() -> Vec<u8> {
        header("{'descr': '<i8', 'fortran_order': False, 'shape': (), }\n", &[1, 0, 0, 0, 0, 0, 0, 0])
    }

    fn header(text: &str, values: &[u8]) -> Vec<u8> {
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), values].concat()
    }

    #[test]
    fn a_header_that_claims_what_is_not_there_is_an_error() {
        let sound = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }\n";
        assert!(read(Cursor::new(archive(&header(sound, &[0, 0, 128, 63])))).is_ok());
        let shapes = ["(1152921504606846976,)", "(4294967296, 4294967296)", "(131072, 131072)"];
        for shape in shapes {
            let text = sound.replace("(1, 1)", shape);
            assert!(read(Cursor::new(archive(&header(&text, &[])))).is_err(), "{shape}");
        }
        // Four gigabytes of header, and brackets that a parser would need as much stack for.
        assert!(read(Cursor::new(archive(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"))).is_err());
        assert!(read(Cursor::new(archive(&header(&"(".repeat(20_000), &[])))).is_err());
    }

    /// numpy before 2 has counts of 32 bits on Windows (numpy/numpy#9464).
    #[test]
    fn counts_are_read_in_every_type() {
        let sum = header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }\n", &[0, 0, 128, 63]);
        let count = |descr: &str, value: &[u8]| {
            let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (), }}\n");
            read(Cursor::new(archive_with(&header(&text, value), &sum))).map(|read| read.moment.count())
        };
        assert_eq!(count("<i4", &4000_i32.to_le_bytes()).unwrap(), 4000);
        assert_eq!(count(">i4", &4000_i32.to_be_bytes()).unwrap(), 4000);
        assert_eq!(count("<u2", &4000_u16.to_le_bytes()).unwrap(), 4000);
        assert_eq!(count("<f8", &4000_f64.to_le_bytes()).unwrap(), 4000);
        assert!(count("<f8", &0.5_f64.to_le_bytes()).is_err(), "no count has a fraction");
        assert!(count("<i4", &(-1_i32).to_le_bytes()).is_err());
        assert!(count("<c8", &[0; 8]).is_err());
    }

    #[test]
    fn a_cache_comes_back_as_it_was() {
        let moment = SecondMoment::from_sum(2, 7, vec![1.0, 0.25, 0.25, 3.0]).unwrap();
        let provenance = Provenance { documents: 5, dtype: "float32".to_owned(), ..Provenance::default() };
        let statistics = Statistics { moment, provenance, convergence: Vec::new() };
        let bytes = write(&statistics).unwrap();
        assert_eq!(read(Cursor::new(&bytes)).unwrap(), statistics);
        for len in (0..bytes.len()).step_by(7) {
            assert!(read(Cursor::new(&bytes[..len])).is_err());
        }
    }
}
