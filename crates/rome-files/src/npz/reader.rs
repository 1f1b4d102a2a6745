//! Arrays as they are read.

use std::io::{BufReader, Chain, Cursor, Read, Seek};

use half::f16;
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

    /// Reads floating-point values of any precision, row by row, each turned into another type.
    ///
    /// # Errors
    /// [`NpzError::NoFloats`] when it holds others, [`NpzError::Malformed`] for more than two dimensions that
    /// are stored the other way round.
    pub fn floats<T: Clone>(self, of_f32: fn(f32) -> T, of_f64: fn(f64) -> T) -> Result<Vec<T>, NpzError> {
        let (name, shape) = (self.name.clone(), self.shape().to_vec());
        let by_columns = self.file.order() == npyz::Order::Fortran;
        let values = match self.type_name().as_str() {
            "f2" => {
                self.values(|value: f16| value)?.into_iter().map(|value| of_f32(value.to_f32())).collect()
            }
            "f4" => self.values(of_f32)?,
            "f8" => self.values(of_f64)?,
            _ => {
                let found = self.file.dtype().descr();
                return Err(NpzError::NoFloats { name, found });
            }
        };
        match shape[..] {
            [rows, columns] if by_columns && values.len() as u64 == rows.saturating_mul(columns) => {
                let (rows, columns) = (rows as usize, columns as usize);
                let places = (0..rows).flat_map(|row| (0..columns).map(move |column| column * rows + row));
                Ok(places.map(|place| values[place].clone()).collect())
            }
            [] | [_] => Ok(values),
            _ if by_columns => {
                let reason = "it is stored column by column in more than two dimensions".to_owned();
                Err(NpzError::Malformed { name, reason })
            }
            _ => Ok(values),
        }
    }

    /// Reads whole numbers: integers of any type, or floating-point values without a fraction.
    ///
    /// # Errors
    /// [`NpzError::NoIntegers`] when it holds other values.
    pub fn integers(self) -> Result<Vec<i64>, NpzError> {
        let name = self.name.clone();
        let found = self.file.dtype().descr();
        let none = || NpzError::NoIntegers { name: name.clone(), found: found.clone() };
        match self.type_name().as_str() {
            "i1" => self.values(|value: i8| i64::from(value)),
            "i2" => self.values(|value: i16| i64::from(value)),
            "i4" => self.values(|value: i32| i64::from(value)),
            "i8" => self.values(|value: i64| value),
            "u1" => self.values(|value: u8| i64::from(value)),
            "u2" => self.values(|value: u16| i64::from(value)),
            "u4" => self.values(|value: u32| i64::from(value)),
            "u8" => self.values(|value: u64| i64::try_from(value).unwrap_or(i64::MAX)),
            "f2" | "f4" | "f8" => {
                let values = self.floats(f64::from, |value| value)?;
                // Above this, f64 does not tell a number from the next.
                let is_whole = |value: &f64| value.fract() == 0.0 && value.abs() < 9e15;
                let whole = values.into_iter().map(|value| is_whole(&value).then_some(value as i64));
                whole.collect::<Option<Vec<i64>>>().ok_or_else(none)
            }
            _ => Err(none()),
        }
    }

    /// The kind and the bytes of a value, such as `f4`, without the order of its bytes.
    fn type_name(&self) -> String {
        let descr = self.file.dtype().descr();
        descr.trim_matches('\'').trim_start_matches(['<', '>', '|', '=']).to_owned()
    }

    /// Reads value by value, so that memory grows with the bytes that are really there.
    fn values<T: npyz::Deserialize, U>(self, of: fn(T) -> U) -> Result<Vec<U>, NpzError> {
        let Self { name, file } = self;
        let data =
            file.data::<T>().map_err(|error| NpzError::Malformed { name, reason: error.to_string() })?;
        Ok(data.map(|value| value.map(of)).collect::<Result<_, _>>()?)
    }
}
