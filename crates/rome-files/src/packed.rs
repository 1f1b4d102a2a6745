//! Files of text, plain or packed.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use crate::FileError;

/// The bytes that a text of UTF-8 may begin with to say so.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// The logarithm of the largest window that zstd can have: what is packed with `--long=31`.
const LONGEST_WINDOW: u32 = 31;

/// The number of bytes of a file that have been read.
#[derive(Debug, Clone, Default)]
pub struct ByteCount(Rc<Cell<u64>>);

impl ByteCount {
    /// The number so far.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

struct CountingReader<R> {
    inner: R,
    count: ByteCount,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.count.0.set(self.count.get() + n_bytes as u64);
        Ok(n_bytes)
    }
}

/// Opens a file of text, `-` for standard input, unpacked if it is packed as gzip or zstd, which its first
/// bytes tell. A byte order mark is passed over. The count is of the file itself, packed as it is.
///
/// # Errors
/// When it cannot be read.
pub fn open_text(path: &Path) -> io::Result<(Box<dyn BufRead>, ByteCount)> {
    let count = ByteCount::default();
    let raw: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut counted = begin(CountingReader { inner: raw, count: count.clone() })?;
    let start = counted.fill_buf()?;
    let mut text: Box<dyn BufRead> = if start.starts_with(GZIP) {
        // A file may be several packed ones, one after the other, as parallel packers write.
        Box::new(begin(flate2::bufread::MultiGzDecoder::new(counted))?)
    } else if start.starts_with(ZSTD) {
        let mut decoder = zstd::Decoder::with_buffer(counted)?;
        decoder.window_log_max(LONGEST_WINDOW)?;
        Box::new(begin(decoder)?)
    } else {
        Box::new(counted)
    };
    if text.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        text.consume(BYTE_ORDER_MARK.len());
    }
    Ok((text, count))
}

/// Reads a file of text as [`open_text`] opens it, unless it has more bytes than any such file has.
///
/// # Errors
/// When it cannot be read, or has more than `limit` bytes, unpacked.
pub fn read_text(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::Read { path: path.to_owned(), error };
    let (reader, _) = open_text(path).map_err(failed)?;
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        Err(FileError::TooLarge { path: path.to_owned(), limit })
    } else {
        Ok(bytes)
    }
}

/// A reader whose buffer holds the first bytes, however few of them come at a time.
fn begin(mut reader: impl Read + 'static) -> io::Result<BufReader<Box<dyn Read>>> {
    let mut start = Vec::new();
    reader.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start)?;
    let whole: Box<dyn Read> = Box::new(io::Cursor::new(start).chain(reader));
    Ok(BufReader::new(whole))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, bytes).unwrap();
        let mut text = String::new();
        let (mut reader, count) = open_text(&path)?;
        reader.read_to_string(&mut text)?;
        assert_eq!(count.get(), bytes.len() as u64);
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_text_is_read_however_it_is_packed_and_marked() {
        for text in ["", "a", "Zürich\r\n東京"] {
            for marked in [text.as_bytes().to_vec(), [BYTE_ORDER_MARK, text.as_bytes()].concat()] {
                assert_eq!(read(&marked).unwrap(), text);
                assert_eq!(read(&gzip(&marked)).unwrap(), text);
                assert_eq!(read(&[gzip(&marked), gzip(b"!")].concat()).unwrap(), format!("{text}!"));
                assert_eq!(read(&zstd::encode_all(&marked[..], 1).unwrap()).unwrap(), text);
            }
        }
    }

    #[test]
    fn a_packed_file_that_is_cut_off_is_told() {
        let packed = gzip("a text of some length".as_bytes());
        assert!(read(&packed[..packed.len() - 9]).is_err());
        let packed = zstd::encode_all(&b"a text of some length"[..], 1).unwrap();
        assert!(read(&packed[..packed.len() - 9]).is_err());
    }

    #[test]
    fn a_window_of_a_gigabyte_is_read() {
        // A frame with one block that is not compressed, and a window of 2³⁰ bytes.
        let header = [ZSTD, &[0, (30 - 10) << 3]].concat();
        let frame = [&header[..], &[5 << 3 | 1, 0, 0], b"hello"].concat();
        assert_eq!(read(&frame).unwrap(), "hello");
    }
}
