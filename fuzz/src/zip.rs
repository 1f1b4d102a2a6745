//! Archives whose checksums fit what is in them, whatever was done to it.

use std::io::{Cursor, Write};

use flate2::Crc;
use npyz::zip::result::ZipError;
use npyz::zip::write::FileOptions;
use npyz::zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::Files;

/// The entries of an archive, so that each can be changed.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Files, ZipError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    let mut files = Files::default();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes)?;
        files = files.with(entry.name(), bytes);
    }
    Ok(files)
}

/// The archive of an input: its only file, or one of all its arrays.
pub(crate) fn pack(files: &Files) -> Result<Vec<u8>, ZipError> {
    if let [(name, bytes)] = files.0.as_slice()
        && name.ends_with(".npz")
    {
        return Ok(bytes.clone());
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = FileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in &files.0 {
        archive.start_file(name, options)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

const CENTRAL: &[u8] = b"PK\x01\x02";

/// Mends the checksums of all entries that are stored as they are. Anything but an archive is left alone.
pub(crate) fn mend(bytes: &mut [u8]) {
    if !bytes.starts_with(b"PK") {
        return;
    }
    let starts = bytes.windows(4).enumerate().filter(|(_, window)| *window == CENTRAL);
    let starts: Vec<usize> = starts.map(|(start, _)| start).collect();
    for start in starts {
        // A malformed entry is what readers are to be tried with.
        let _ = mend_entry(bytes, start);
    }
}

fn mend_entry(bytes: &mut [u8], central: usize) -> Option<()> {
    if number(bytes, central + 10, 2)? != 0 {
        return None;
    }
    let size = number(bytes, central + 20, 4)?;
    let local = number(bytes, central + 42, 4)?;
    let data = local + 30 + number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
    let mut crc = Crc::new();
    crc.update(bytes.get(data..data.checked_add(size)?)?);
    let sum = crc.sum().to_le_bytes();
    bytes.get_mut(central + 16..central + 20)?.copy_from_slice(&sum);
    bytes.get_mut(local + 14..local + 18)?.copy_from_slice(&sum);
    Some(())
}

fn number(bytes: &[u8], start: usize, len: usize) -> Option<usize> {
    let bytes = bytes.get(start..start + len)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}
