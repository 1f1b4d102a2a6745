//! Files as lines, whatever they are compressed with.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// The compression of a file, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Splits a name into what is inside and how it is packed.
    pub(crate) fn of(name: &str) -> (&str, Self) {
        if let Some(inner) = name.strip_suffix(".gz") {
            return (inner, Self::Gzip);
        }
        match name.strip_suffix(".zst") {
            Some(inner) => (inner, Self::Zstd),
            None => (name, Self::None),
        }
    }
}

/// The number of bytes of the file itself that have been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Rc<Cell<u64>>);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

struct CountingReader<R> {
    inner: R,
    counter: Counter,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.counter.0.set(self.counter.get() + n_bytes as u64);
        Ok(n_bytes)
    }
}

/// Opens a file, `-` for standard input.
pub(crate) fn open(path: &Path, compression: Compression) -> io::Result<(Box<dyn BufRead>, Counter)> {
    let counter = Counter::default();
    let raw: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let counted = BufReader::new(CountingReader { inner: raw, counter: counter.clone() });
    let lines: Box<dyn BufRead> = match compression {
        Compression::None => Box::new(counted),
        // A file may be several packed ones, one after the other, as parallel packers write.
        Compression::Gzip => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(counted))),
        Compression::Zstd => Box::new(BufReader::new(zstd::Decoder::with_buffer(counted)?)),
    };
    Ok((lines, counter))
}
