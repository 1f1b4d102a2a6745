//! Arrays as they are read.

use std::io::{BufReader, Chain, Cursor, Read, Seek};

use npyz::npz::NpzArchive;
use npyz::zip::read::ZipFile;
use npyz::zip::result::ZipError;

use super::error::NpzError;
use super::header::checked_npy;

/// An archive of numpy's arrays, of which nothing but the directory is read until it is asked for.
pub struct NpzReader<R: Read + Seek>(NpzArchive<BufReader<R>>);

/// An array of an archive, of which the header has been read.
pub struct NpzArray<'a> {
    name: String,
    file: npyz::NpyFile<Chain<Cursor<Vec<u8>>, ZipFile<'a>>>,
}

impl<R: Read + Seek> NpzReader<R> {
    /// Reads the directory of an archive.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(reader: R) -> Result<Self, NpzError> {
        Ok(Self(NpzArchive::new(BufReader::new(reader))?))
    }

    /// The names of the arrays.
    pub fn names(&self) -> Vec<String> {
        self.0.array_names().map(str::to_owned).collect()
    }

    /// Opens an array and reads its header.
    ///
    /// # Errors
    /// [`NpzError::Missing`] when it is not there, [`NpzError::Malformed`] when its header makes no sense.
    pub fn array(&mut self, name: &str) -> Result<NpzArray<'_>, NpzError> {
        let malformed = |reason: String| NpzError::Malformed { name: name.to_owned(), reason };
        let file = match self.0.zip_archive().by_name(&npyz::npz::file_name_from_array_name(name)) {
            Err(ZipError::FileNotFound) => return Err(NpzError::Missing { name: name.to_owned() }),
            file => file.map_err(|error| malformed(error.to_string()))?,
        };
        let file = checked_npy(file).and_then(npyz::NpyFile::new);
        Ok(NpzArray { name: name.to_owned(), file: file.map_err(|error| malformed(error.to_string()))? })
    }
}

impl NpzArray<'_> {
    /// Its shape.
    pub fn shape(&self) -> &[u64] {
        self.file.shape()
    }

    /// The number of values that it claims to have.
    pub fn n_values(&self) -> u64 {
        self.file.len()
    }

    /// True if its values are stored row by row.
    pub fn is_row_major(&self) -> bool {
        self.file.order() == npyz::Order::C
    }

    /// Reads floating-point values of either precision, each turned into another type.
    ///
    /// # Errors
    /// [`NpzError::NoFloats`] when it holds others.
    pub fn floats<T>(self, of_f32: fn(f32) -> T, of_f64: fn(f64) -> T) -> Result<Vec<T>, NpzError> {
        match self.file.dtype().descr().as_str() {
            "'<f4'" => self.values(of_f32),
            "'<f8'" => self.values(of_f64),
            found => Err(NpzError::NoFloats { name: self.name, found: found.to_owned() }),
        }
    }

    /// Reads integers.
    ///
    /// # Errors
    /// When it holds other values.
    pub fn integers(self) -> Result<Vec<i64>, NpzError> {
        self.values(|value| value)
    }

    /// Reads value by value, so that memory grows with the bytes that are really there.
    fn values<T: npyz::Deserialize, U>(self, of: fn(T) -> U) -> Result<Vec<U>, NpzError> {
        let Self { name, file } = self;
        let data =
            file.data::<T>().map_err(|error| NpzError::Malformed { name, reason: error.to_string() })?;
        Ok(data.map(|value| value.map(of)).collect::<Result<_, _>>()?)
    }
}
