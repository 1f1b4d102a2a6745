//! The header of an array of numpy, looked at before a library parses it.

use std::io::{Chain, Cursor, Error, ErrorKind, Read, Result};

const MAGIC: &[u8] = b"\x93NUMPY";

/// numpy itself writes some 128 bytes.
const MAX_HEADER: usize = 1 << 16;

/// Brackets in brackets; a type of fields has a few.
const MAX_DEPTH: usize = 16;

/// Reads the header of an array within bounds, and returns a reader of all of it. A header may claim
/// gigabytes, nest brackets until the stack is used up, and have a shape whose size cannot be counted.
///
/// # Errors
/// When it does so, or is no header.
pub(super) fn checked_npy<R: Read>(mut reader: R) -> Result<Chain<Cursor<Vec<u8>>, R>> {
    let invalid = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut header = vec![0; 10];
    reader.read_exact(&mut header)?;
    if !header.starts_with(MAGIC) {
        return Err(invalid("it is no array of numpy"));
    }
    let (mut len, version) = (usize::from(u16::from_le_bytes([header[8], header[9]])), header[6]);
    // Later versions have four bytes for the length.
    if version > 1 {
        let mut more = [0; 2];
        reader.read_exact(&mut more)?;
        header.extend(more);
        len += usize::from(u16::from_le_bytes(more)) << 16;
    }
    if len > MAX_HEADER {
        return Err(invalid("its header is longer than any"));
    }
    let start = header.len();
    header.resize(start + len, 0);
    reader.read_exact(&mut header[start..])?;
    match fault(&header[start..]) {
        Some(fault) => Err(invalid(fault)),
        None => Ok(Cursor::new(header).chain(reader)),
    }
}

/// The fault of the text of a header, if it has one.
fn fault(text: &[u8]) -> Option<&'static str> {
    let mut depth = 0_usize;
    for byte in text {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some("its header has brackets in brackets without end");
        }
    }
    // Sizes are a part of its numbers, so where these can be multiplied, sizes can. Nothing is the product
    // of 0, but on the way to it something may be.
    let numbers = text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let product = numbers.map(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok()).try_fold(
        1_u64,
        |product, number| match number? {
            0 => Some(product),
            number => product.checked_mul(number),
        },
    );
    if product.is_none_or(|product| product > i64::MAX as u64) {
        return Some("its size cannot be counted");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(version: u8, len: u32, text: &str) -> Vec<u8> {
        let len = len.to_le_bytes();
        let len = if version == 1 { &len[..2] } else { &len };
        [MAGIC, &[version, 0], len, text.as_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        checked_npy(bytes)?.read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn an_array_comes_back_as_it_was() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0, 3), }\n";
        for version in [1, 2, 3] {
            let bytes = [array(version, text.len() as u32, text), vec![1; 24]].concat();
            assert_eq!(read(&bytes).unwrap(), bytes);
        }
    }

    #[test]
    fn a_header_that_claims_more_than_any_is_refused() {
        let deep = "(".repeat(1000);
        let large = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
        let longer = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }";
        for bytes in [
            array(2, u32::MAX, ""),
            array(1, deep.len() as u32, &deep),
            array(1, large.len() as u32, large),
            array(1, longer.len() as u32, longer),
            b"NUMPY".to_vec(),
        ] {
            assert!(read(&bytes).is_err());
        }
    }
}
