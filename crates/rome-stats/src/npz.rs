//! The statistics caches of kmeng01/rome: `{module}_{precision}_mom2_{n}.npz`.

use std::io::{Cursor, Read, Seek, Write};

use npyz::npz::{NpzArchive, NpzWriter};
use npyz::{TypeStr, WriterBuilder, zip};
use rome_core::SecondMoment;

use crate::{Provenance, Statistics, StatsError};

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
    let mut archive = NpzArchive::new(reader).map_err(|error| format(&error))?;
    let count = scalar(&mut archive, COUNT)?;
    let documents = scalar(&mut archive, SAMPLE_SIZE).unwrap_or(0);

    let array = archive.by_name(SUM).map_err(|error| format(&error))?;
    let array = array.ok_or_else(|| format(&format_args!("it has no array {SUM:?}")))?;
    let &[rows, columns] = array.shape() else {
        return Err(format(&format_args!("{SUM:?} has shape {:?}", array.shape())));
    };
    if rows != columns || rows == 0 || rows > MAX_D_FF {
        return Err(format(&format_args!(
            "{SUM:?} has shape [{rows}, {columns}], which is no square of keys"
        )));
    }
    // C is symmetric, so the order of rows and columns in the file does not matter.
    let sum: Vec<f64> = match array.dtype().descr().as_str() {
        "'<f4'" => values::<f32, _>(array)?.into_iter().map(f64::from).collect(),
        "'<f8'" => values::<f64, _>(array)?,
        other => return Err(format(&format_args!("{SUM:?} is stored as {other}, not '<f4' or '<f8'"))),
    };
    let moment = SecondMoment::from_sum(rows as usize, count, sum);
    let moment = moment.ok_or_else(|| format(&format_args!("{SUM:?} is shorter than its shape")))?;
    let provenance = Provenance { documents, dtype: "float32".to_owned(), ..Provenance::default() };
    Ok(Statistics { moment, provenance, changes: Vec::new() })
}

/// Writes a cache that the reference loads.
///
/// # Errors
/// [`StatsError::Format`] when the writer fails.
pub fn write(statistics: &Statistics) -> Result<Vec<u8>, StatsError> {
    let mut bytes = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut bytes);
    write_arrays(&mut npz, statistics).map_err(|error| format(&error))?;
    npz.zip_writer().finish().map_err(|error| format(&error))?;
    drop(npz);
    Ok(bytes.into_inner())
}

fn write_arrays<W: Write + Seek>(npz: &mut NpzWriter<W>, statistics: &Statistics) -> std::io::Result<()> {
    // As numpy's savez has it: stored, and without a time that would change the bytes.
    let options = zip::write::FileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let moment = &statistics.moment;
    let d_ff = moment.d_ff() as u64;

    let text: TypeStr = format!("<U{}", CLASS.len()).parse().map_err(std::io::Error::other)?;
    let mut class =
        npz.array(CONSTRUCTOR, options)?.dtype(npyz::DType::new_scalar(text)).shape(&[]).begin_nd()?;
    class.push(&CLASS.to_owned())?;
    class.finish()?;
    for (name, value) in [(COUNT, moment.count()), (SAMPLE_SIZE, statistics.provenance.documents)] {
        let mut scalar = npz.array(name, options)?.default_dtype().shape(&[]).begin_nd()?;
        scalar.push(&(value as i64))?;
        scalar.finish()?;
    }
    let mut sum = npz.array(SUM, options)?.default_dtype().shape(&[d_ff, d_ff]).begin_nd()?;
    sum.extend(moment.sum().iter().map(|&value| value as f32))?;
    sum.finish()
}

fn scalar<R: Read + Seek>(archive: &mut NpzArchive<R>, name: &str) -> Result<u64, StatsError> {
    let array = archive.by_name(name).map_err(|error| format(&error))?;
    let array = array.ok_or_else(|| format(&format_args!("it has no array {name:?}")))?;
    if array.len() != 1 {
        return Err(format(&format_args!("{name:?} is not a number")));
    }
    match values::<i64, _>(array)?.first() {
        Some(&value) if value >= 0 => Ok(value as u64),
        _ => Err(format(&format_args!("{name:?} is not a count"))),
    }
}

/// Reads an array value by value, so that memory grows with the bytes that are really there.
fn values<T: npyz::Deserialize, R: Read>(array: npyz::NpyFile<R>) -> Result<Vec<T>, StatsError> {
    let data = array.data::<T>().map_err(|error| format(&error))?;
    data.collect::<Result<_, _>>().map_err(|error| format(&error))
}

fn format(error: &dyn std::fmt::Display) -> StatsError {
    StatsError::Format(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_comes_back_as_it_was() {
        let moment = SecondMoment::from_sum(2, 7, vec![1.0, 0.25, 0.25, 3.0]).unwrap();
        let provenance = Provenance { documents: 5, dtype: "float32".to_owned(), ..Provenance::default() };
        let statistics = Statistics { moment, provenance, changes: Vec::new() };
        let bytes = write(&statistics).unwrap();
        assert_eq!(read(Cursor::new(&bytes)).unwrap(), statistics);
        for len in (0..bytes.len()).step_by(7) {
            assert!(read(Cursor::new(&bytes[..len])).is_err());
        }
    }
}
