//! The header of a safetensors file.

use std::io::{self, Read, Seek, SeekFrom};

use safetensors::tensor::Metadata;
use thiserror::Error;

/// No header comes near this; it bounds what a lying length field can cost.
const MAX_HEADER: u64 = 64 << 20;

/// The length of a header comes before it, in as many bytes.
const N_LENGTH: usize = 8;

/// The header of a safetensors file: what it says of itself and of its tensors.
#[derive(Debug, Clone)]
pub struct SafetensorsHeader {
    /// Its bytes as they stand in the file, its length among them.
    pub bytes: Vec<u8>,
    /// Their content. Each tensor has as many bytes as its shape takes.
    pub metadata: Metadata,
}

impl SafetensorsHeader {
    /// Reads the header of a whole file, whose tensors must fit its length, and leaves the reader at the
    /// first tensor.
    ///
    /// # Errors
    /// [`HeaderError`] when it cannot be read, is none, or does not fit the file.
    pub fn read<R: Read + Seek>(reader: &mut R) -> Result<Self, HeaderError> {
        let file_len = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let mut length = [0; N_LENGTH];
        reader.read_exact(&mut length).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => HeaderError::TooShort,
            _ => HeaderError::Io(error),
        })?;
        let header_len = u64::from_le_bytes(length);
        if header_len > MAX_HEADER || header_len > file_len.saturating_sub(N_LENGTH as u64) {
            return Err(HeaderError::Length { header_len, file_len });
        }
        let mut bytes = length.to_vec();
        reader.by_ref().take(header_len).read_to_end(&mut bytes)?;
        let metadata: Metadata = serde_json::from_slice(&bytes[N_LENGTH..])?;
        let expected = (bytes.len() as u64).saturating_add(metadata.data_len() as u64);
        if expected != file_len {
            return Err(HeaderError::FileLength { expected, file_len });
        }
        Ok(Self { bytes, metadata })
    }

    /// The offset of the tensors' bytes in the file.
    pub fn data_start(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Why a file has no header that fits it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There are fewer bytes than a length takes.
    #[error("too short for a safetensors file")]
    TooShort,
    /// The header would be longer than the file, or than any header is.
    #[error("its header claims {header_len} bytes in a file of {file_len}")]
    Length {
        /// The length that it claims, in bytes.
        header_len: u64,
        /// The length of the file, in bytes.
        file_len: u64,
    },
    /// It is no JSON of this form, or its tensors do not follow one another.
    #[error(transparent)]
    Content(#[from] serde_json::Error),
    /// The file is longer or shorter than its tensors take.
    #[error("it should be {expected} bytes long and is {file_len}")]
    FileLength {
        /// The length of the header and the tensors, in bytes.
        expected: u64,
        /// The length of the file, in bytes.
        file_len: u64,
    },
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    fn read(bytes: &[u8]) -> Result<SafetensorsHeader, HeaderError> {
        SafetensorsHeader::read(&mut Cursor::new(bytes))
    }

    fn file() -> Vec<u8> {
        let view = TensorView::new(Dtype::F32, vec![2], &[0; 8]).unwrap();
        safetensors::serialize([("a", view)], None).unwrap()
    }

    #[test]
    fn a_header_is_followed_by_its_tensors() {
        let bytes = file();
        let mut reader = Cursor::new(&bytes);
        let header = SafetensorsHeader::read(&mut reader).unwrap();
        assert_eq!(header.metadata.info("a").unwrap().shape, [2]);
        assert_eq!(header.bytes, bytes[..bytes.len() - 8]);
        assert_eq!(reader.position(), header.data_start());
    }

    #[test]
    fn a_header_that_does_not_fit_its_file_is_refused() {
        let bytes = file();
        assert!(matches!(read(&bytes[..7]), Err(HeaderError::TooShort)));
        for len in 8..bytes.len() {
            assert!(matches!(
                read(&bytes[..len]),
                Err(HeaderError::Length { .. } | HeaderError::FileLength { .. })
            ));
        }
        assert!(matches!(read(&[&bytes[..], b" "].concat()), Err(HeaderError::FileLength { .. })));
        let lying = [&u64::MAX.to_le_bytes(), &bytes[8..]].concat();
        assert!(matches!(read(&lying), Err(HeaderError::Length { header_len: u64::MAX, .. })));
        // Tensors of so many bytes together that they cannot be counted.
        let tensors: Vec<String> = (0..8_u64)
            .map(|n| {
                let size = (1 << 61) - 1;
                let offsets = [n * size, (n + 1) * size];
                format!(r#""{n}":{{"dtype":"U8","shape":[{size}],"data_offsets":{offsets:?}}}"#)
            })
            .collect();
        let header = format!("{{{}}}", tensors.join(","));
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        assert!(matches!(read(&bytes), Err(HeaderError::FileLength { .. })));
    }
}
