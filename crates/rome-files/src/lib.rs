//! Files and folders that are read within bounds, and written as a whole or not at all.
//!
//! What is written goes to a temporary place beside its own and is renamed: whoever looks finds what
//! was there before or what is there now, however a program ends.

mod error;
mod file;
mod folder;
mod npy;

pub use error::FileError;
pub use file::{
    TEMPORARY, folder_of, persist, read_bounded, target_of, temporary_in, write, write_new, write_with,
};
pub use folder::NewFolder;
pub use npy::checked_npy;
