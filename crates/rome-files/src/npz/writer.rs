//! Arrays as they are written.

use std::io::{self, Cursor};

use npyz::{TypeStr, WriterBuilder, zip};

/// An archive of numpy's arrays in memory: the same arrays are the same bytes.
pub struct NpzWriter(npyz::npz::NpzWriter<Cursor<Vec<u8>>>);

impl NpzWriter {
    /// Starts without arrays.
    #[must_use]
    pub fn new() -> Self {
        Self(npyz::npz::NpzWriter::new(Cursor::new(Vec::new())))
    }

    /// Adds an array, its values row by row; without a shape it is a single value.
    ///
    /// # Errors
    /// When there are more or fewer values than the shape says.
    pub fn array<T: npyz::AutoSerialize>(
        &mut self,
        name: &str,
        shape: &[u64],
        values: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        let mut array = self.0.array(name, options())?.default_dtype().shape(shape).begin_nd()?;
        array.extend(values)?;
        array.finish()
    }

    /// Adds a text.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        let n_letters = text.chars().count();
        let dtype: TypeStr = format!("<U{n_letters}").parse().map_err(io::Error::other)?;
        let dtype = npyz::DType::new_scalar(dtype);
        let mut array = self.0.array(name, options())?.dtype(dtype).shape(&[]).begin_nd()?;
        array.push(&text.to_owned())?;
        array.finish()
    }

    /// Ends the archive and returns its bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        Ok(self.0.zip_writer().finish()?.into_inner())
    }
}

impl Default for NpzWriter {
    fn default() -> Self {
        Self::new()
    }
}

/// The options of numpy's savez: stored, and without a time that would change the bytes.
fn options() -> zip::write::FileOptions {
    zip::write::FileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
}
