//! How far loading has come.

/// How far loading has come, in bytes.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A file is being fetched.
    Fetching {
        /// Its name.
        file: &'a str,
        /// What has arrived.
        done: u64,
        /// Its size.
        total: u64,
    },
    /// Tensors are being read.
    Reading {
        /// What has been read.
        done: u64,
        /// The size of all tensors.
        total: u64,
    },
}

/// Is told how far loading has come.
pub type OnProgress<'a> = dyn FnMut(Progress<'_>) + 'a;
